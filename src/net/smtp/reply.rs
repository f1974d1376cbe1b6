//! Reading a reply (RFC 5321 §4.2): one or more lines of a code and a text, `-` after the code of all but the last.
//!
//! ```text
//! 550-5.7.1 Our system has detected that this message is
//! 550 5.7.1 likely unsolicited mail.
//! ```
//! The code of the last line counts, as in Postfix, should a server contradict itself. The enhanced status code (RFC 2034, RFC 3463)
//! stands at the start of the text, and servers repeat it on every line. The text is for people and may be in any charset:
//! QQ and NetEase write GBK. Its bytes that are not UTF-8 are replaced after the codes were read.

use crate::model::Reply;

/// Bytes of one line. RFC 5321 §4.5.3.1.5 says 512; some write longer ones.
pub(super) const MAX_LINE: usize = 4096;
/// Lines of one reply.
const MAX_LINES: usize = 100;
/// Bytes of text that are kept.
const MAX_TEXT: usize = 2048;

/// A reply of which some lines have been read. Holds no more than [`MAX_TEXT`] bytes of them.
#[derive(Debug, Default)]
pub(super) struct Partial {
    lines: usize,
    enhanced: Option<String>,
    text: Vec<u8>,
}

impl Partial {
    /// Takes one line without its line end. Gives the reply when it was the last one.
    ///
    /// # Errors
    /// When the line is no reply line, or the reply has too many.
    pub fn push(&mut self, line: &[u8]) -> Result<Option<Reply>, String> {
        let gibberish = || format!("the server said something that is not SMTP: {}", excerpt(line));
        self.lines += 1;
        if self.lines > MAX_LINES {
            return Err(format!("the server's reply has more than {MAX_LINES} lines"));
        }
        let (code, rest) = split_code(line).ok_or_else(gibberish)?;
        let (last, text) = match rest {
            [] => (true, rest),
            [b' ', text @ ..] => (true, text),
            [b'-', text @ ..] => (false, text),
            _ => return Err(gibberish()),
        };
        if text.contains(&0) {
            return Err(gibberish());
        }
        self.add(text);
        Ok(last.then(|| Reply { code, enhanced: self.enhanced.take(), text: readable(&self.text) }))
    }

    fn add(&mut self, text: &[u8]) {
        let (enhanced, text) = split_enhanced(text);
        if self.enhanced.is_none() {
            self.enhanced = enhanced;
        }
        if self.lines > 1 && self.text.len() < MAX_TEXT {
            self.text.push(b'\n');
        }
        let room = MAX_TEXT.saturating_sub(self.text.len());
        self.text.extend(text.iter().take(room));
    }
}

/// The code: three digits, of which the first is 2 to 5 (RFC 5321 §4.2.1).
fn split_code(line: &[u8]) -> Option<(u16, &[u8])> {
    match line {
        [a @ b'2'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9', rest @ ..] => {
            let digit = |d: &u8| u16::from(d - b'0');
            Some((digit(a) * 100 + digit(b) * 10 + digit(c), rest))
        }
        _ => None,
    }
}

/// The enhanced status code at the start of `text`, and the text after it. Cisco's gateways write it as `#5.1.0`.
fn split_enhanced(text: &[u8]) -> (Option<String>, &[u8]) {
    let start = text.strip_prefix(b"#").unwrap_or(text);
    let end = start.iter().position(|b| !b.is_ascii_digit() && *b != b'.').unwrap_or(start.len());
    let (word, rest) = start.split_at_checked(end).unwrap_or((start, &[]));
    let word = str::from_utf8(word).unwrap_or_default();
    if !matches!(rest.first(), None | Some(b' ' | b':')) || !is_enhanced(word) {
        return (None, text);
    }
    let rest = rest.strip_prefix(b":").unwrap_or(rest);
    (Some(word.into()), rest.trim_ascii_start())
}

/// RFC 3463 §2: a class of 2, 4 or 5, then a subject and a detail of one to three digits.
fn is_enhanced(word: &str) -> bool {
    let mut parts = word.split('.');
    let short = |part: Option<&str>| part.is_some_and(|part| (1..=3).contains(&part.len()));
    matches!(parts.next(), Some("2" | "4" | "5"))
        && short(parts.next())
        && short(parts.next())
        && parts.next().is_none()
}

/// As text that cannot upset a terminal or a log.
fn readable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text: String = text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect();
    text.trim_end().into()
}

/// The start of a line that is no reply line, for an error message.
fn excerpt(line: &[u8]) -> String {
    let start: Vec<u8> = line.iter().take(80).copied().collect();
    format!("{:?}", String::from_utf8_lossy(&start))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(lines: &[&[u8]]) -> Result<Option<Reply>, String> {
        let mut partial = Partial::default();
        let mut reply = None;
        for line in lines {
            assert_eq!(reply, None, "the reply ended before its last line");
            reply = partial.push(line)?;
        }
        Ok(reply)
    }

    fn reply(code: u16, enhanced: &str, text: &str) -> Option<Reply> {
        Some(Reply { code, enhanced: (!enhanced.is_empty()).then(|| enhanced.into()), text: text.into() })
    }

    #[test]
    fn replies_as_servers_write_them() {
        let table: [(&[&[u8]], Option<Reply>); 12] = [
            (&[b"220 mx.example ESMTP"], reply(220, "", "mx.example ESMTP")),
            (&[b"250"], reply(250, "", "")),
            (&[b"250 "], reply(250, "", "")),
            (&[b"250 2.1.5 Ok"], reply(250, "2.1.5", "Ok")),
            (&[b"550-5.7.1 a b", b"550-5.7.1 c", b"550 5.7.1 d"], reply(550, "5.7.1", "a b\nc\nd")),
            (&[b"550 #5.1.0 Address rejected."], reply(550, "5.1.0", "Address rejected.")),
            (&[b"550 5.1.1: no such user"], reply(550, "5.1.1", "no such user")),
            (&[b"220 5.4.3.2 is my version"], reply(220, "", "5.4.3.2 is my version")),
            (&[b"250 3.1.4 pies"], reply(250, "", "3.1.4 pies")),
            (&[b"250 2.1000.1 x"], reply(250, "", "2.1000.1 x")),
            (&[b"250-ok", b"550 not ok"], reply(550, "", "ok\nnot ok")),
            (&[b"450 4.7.1 \x1b[31mred"], reply(450, "4.7.1", "\u{fffd}[31mred")),
        ];
        for (lines, expected) in table {
            assert_eq!(read(lines), Ok(expected));
        }
    }

    #[test]
    fn gbk_text_keeps_its_codes() {
        // QQ's "550 5.7.1 mail content denied" with the Chinese words in GBK.
        let reply =
            read(&[b"550 5.7.1 \xd3\xca\xbc\xfe\xc4\xda\xc8\xdd\xb1\xbb\xbe\xdc\xbe\xf8 http://x"]).unwrap().unwrap();
        assert_eq!((reply.code, reply.enhanced.as_deref()), (550, Some("5.7.1")));
        assert!(reply.text.contains('\u{fffd}') && reply.text.ends_with("http://x"), "{}", reply.text);
    }

    #[test]
    fn what_is_not_a_reply_is_told_with_an_excerpt() {
        for line in [&b"HTTP/1.1 400 Bad Request"[..], b"", b"25", b"2500", b"999 x", b"150 x", b"250_x", b"250 a\0b"] {
            assert!(read(&[line]).is_err(), "{line:?}");
        }
        assert!(read(&[b"SSH-2.0"]).unwrap_err().contains("\"SSH-2.0\""));
    }

    #[test]
    fn long_replies_are_cut_and_endless_ones_refused() {
        let line = [b"250-".as_slice(), &[b'x'; 1000]].concat();
        let mut lines = vec![line.as_slice(); 50];
        lines.push(b"250 end");
        assert_eq!(read(&lines).unwrap().unwrap().text.len(), MAX_TEXT);
        assert!(read(&vec![line.as_slice(); MAX_LINES + 1]).unwrap_err().contains("more than 100 lines"));
    }

    proptest! {
        #[test]
        fn no_line_panics_or_grows_the_reply_beyond_its_bound(lines in proptest::collection::vec(any::<Vec<u8>>(), 0..200)) {
            let mut partial = Partial::default();
            for line in &lines {
                if let Ok(Some(reply)) = partial.push(line) {
                    prop_assert!(reply.text.len() <= 3 * MAX_TEXT);
                    break;
                }
                prop_assert!(partial.text.len() <= MAX_TEXT);
            }
        }
    }
}
