//! The message as it goes over the wire.
//!
//! Lines end with CRLF and nothing else (RFC 5321 §2.3.8: a bare CR or LF is what SMTP smuggling is made of), a line that begins with a dot gets
//! another (§4.5.2), and the text ends with a CRLF. A message that ends with one already gets no second: it would be a blank line
//! more than what was signed.

/// `message` with its line ends mended and its dots doubled, without the final dot.
pub(super) fn on_the_wire(message: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(message.len() + 64);
    let mut at_line_start = true;
    let mut bytes = message.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\r' | b'\n' => {
                if byte == b'\r' {
                    bytes.next_if_eq(&b'\n');
                }
                wire.extend_from_slice(b"\r\n");
                at_line_start = true;
            }
            _ => {
                if at_line_start && byte == b'.' {
                    wire.push(b'.');
                }
                wire.push(byte);
                at_line_start = false;
            }
        }
    }
    if !at_line_start {
        wire.extend_from_slice(b"\r\n");
    }
    wire
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn line_ends_and_dots() {
        let table: [(&str, &str); 9] = [
            ("a\r\nb\r\n", "a\r\nb\r\n"),
            ("a\nb", "a\r\nb\r\n"),
            ("a\rb\r", "a\r\nb\r\n"),
            ("a\r\n\r\n", "a\r\n\r\n"),
            (".", "..\r\n"),
            ("a\n.\nb.c", "a\r\n..\r\nb.c\r\n"),
            ("\r\n.\r\n", "\r\n..\r\n"),
            ("a\r\r\nb", "a\r\n\r\nb\r\n"),
            ("", ""),
        ];
        for (message, wire) in table {
            assert_eq!(String::from_utf8(on_the_wire(message.as_bytes())).unwrap(), wire, "{message:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_in_a_message_can_end_it(message in "[a.\r\n]{0,40}") {
            let wire = [b"\r\n".as_slice(), &on_the_wire(message.as_bytes())].concat();
            prop_assert!(!wire.windows(5).any(|five| five == b"\r\n.\r\n"));
            let text = String::from_utf8(wire).unwrap();
            prop_assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
            prop_assert!(text.ends_with("\r\n"));
        }
    }
}
