//! The header section of a raw message (RFC 5322 §2.2), as it came, in bytes.
//!
//! A field is `name: value`, continued on every following line that starts with white space ("folding", RFC 5322 §2.2.3); the section
//! ends at the first empty line. Messages from the wild do not keep to it: lines end in LF alone, an mbox line `From someone` stands at the top,
//! a line has no colon, the empty line is missing, NUL bytes and Latin-1 occur, and a hostile sender may write a million fields or one of
//! ten megabytes. [`fields`] passes over what is no field, stops at its limits and never fails.

/// How much of a message is searched for fields, in bytes.
pub const MAX_SECTION: usize = 1 << 20;
/// How many fields are given at most.
pub const MAX_FIELDS: usize = 2_000;
/// How much of one field's value is given, in bytes.
pub const MAX_VALUE: usize = 1 << 16;

/// One field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name as written: printable ASCII, without the colon and without white space before it.
    pub name: &'a str,
    /// Everything after the colon up to the end of the field's last line, folds and first space included, the last line break not. At
    /// most [`MAX_VALUE`] bytes.
    pub raw: &'a [u8],
}

impl Field<'_> {
    /// Whether this is the field called `name`, in any case (RFC 5322 §1.2.2).
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The value on one line: line breaks taken out (RFC 5322 §2.2.3), white space around it too, bytes that are not UTF-8 and control
    /// characters replaced.
    #[must_use]
    pub fn unfold(&self) -> String {
        let text = String::from_utf8_lossy(self.raw);
        let mut value = String::with_capacity(text.len());
        for character in text.trim().chars() {
            match character {
                '\r' | '\n' => {}
                '\t' => value.push(' '),
                control if control.is_control() => value.push(char::REPLACEMENT_CHARACTER),
                plain => value.push(plain),
            }
        }
        value
    }
}

/// The message's header fields in their order, within [`MAX_SECTION`] bytes and [`MAX_FIELDS`] fields. Linear in the bytes looked at.
pub fn fields(message: &[u8]) -> impl Iterator<Item = Field<'_>> {
    Lines { rest: message.get(..MAX_SECTION).unwrap_or(message) }.filter_map(field).take(MAX_FIELDS)
}

/// The fields called `name`, in any case, in their order.
pub fn named<'a>(message: &'a [u8], name: &'a str) -> impl Iterator<Item = Field<'a>> {
    fields(message).filter(move |field| field.is(name))
}

/// The section's lines with their continuation lines, without the last line break.
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if matches!(self.rest, [] | [b'\n', ..] | [b'\r', b'\n', ..]) {
            return None;
        }
        let mut after_break = false;
        let end = self.rest.iter().position(|byte| {
            let ends = after_break && !matches!(byte, b' ' | b'\t');
            after_break = *byte == b'\n';
            ends
        });
        let (lines, rest) = self.rest.split_at_checked(end.unwrap_or(self.rest.len()))?;
        self.rest = rest;
        let lines = lines.strip_suffix(b"\n").unwrap_or(lines);
        Some(lines.strip_suffix(b"\r").unwrap_or(lines))
    }
}

fn field(lines: &[u8]) -> Option<Field<'_>> {
    let colon = lines.iter().position(|byte| *byte == b':')?;
    let (name, after) = lines.split_at_checked(colon)?;
    // White space before the colon is the obsolete syntax of RFC 5322 §4.5.
    let name = name.trim_ascii_end();
    if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    let raw = after.strip_prefix(b":")?;
    Some(Field { name: str::from_utf8(name).ok()?, raw: raw.get(..MAX_VALUE).unwrap_or(raw) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(message: &[u8]) -> Vec<(String, String)> {
        fields(message).map(|field| (field.name.to_owned(), field.unfold())).collect()
    }

    #[test]
    fn folds_case_and_the_end_of_the_section() {
        let message = b"Subject: one\r\n two\r\n\tthree\r\nX-Empty:\r\nReceived : a\r\n\r\nNot: a field\r\n";
        assert_eq!(
            read(message),
            [("Subject", "one two three"), ("X-Empty", ""), ("Received", "a")].map(|(n, v)| (n.into(), v.into()))
        );
        assert_eq!(fields(message).next().unwrap().raw, b" one\r\n two\r\n\tthree");
        assert_eq!(named(message, "sUBJECT").count(), 1);
        assert_eq!(named(message, "Not").count(), 0);
    }

    #[test]
    fn what_is_no_field_is_passed_over() {
        let message = b"From alice@example.com Mon Nov 1\nA: 1\nno colon here\n  nor here: x\nB: 2\n: no name\nbad name: 3\nN\0: 4\nK\xc3: 5\nC: 6";
        assert_eq!(read(message), [("A", "1"), ("B", "2"), ("C", "6")].map(|(n, v)| (n.into(), v.into())));
    }

    #[test]
    fn a_line_of_white_space_continues_its_field() {
        assert_eq!(read(b"A: 1\r\n \r\n 2\r\nB: 3"), [("A", "1  2"), ("B", "3")].map(|(n, v)| (n.into(), v.into())));
    }

    #[test]
    fn nul_and_latin_1_are_replaced() {
        assert_eq!(read(b"A: x\0y\xe9z\r\n"), [("A".to_owned(), "x\u{fffd}y\u{fffd}z".to_owned())]);
    }

    #[test]
    fn the_limits_hold() {
        assert_eq!(fields(&b"A: 1\n".repeat(MAX_FIELDS + 10)).count(), MAX_FIELDS);
        let long = [b"A: ".as_slice(), &vec![b'x'; MAX_VALUE * 2], b"\nB: 1\n"].concat();
        assert_eq!(fields(&long).map(|field| field.raw.len()).collect::<Vec<_>>(), [MAX_VALUE, 2]);
        let late = [vec![b'x'; MAX_SECTION], b"\nB: 1\n".to_vec()].concat();
        assert_eq!(fields(&late).count(), 0);
    }

    proptest! {
        #[test]
        fn every_byte_is_in_one_field_at_most(message in "[a-c: \t\r\n\\x00é]{0,200}") {
            let total: usize = fields(message.as_bytes()).map(|field| field.name.len() + field.raw.len() + 1).sum();
            prop_assert!(total <= message.len());
        }

        #[test]
        fn anything_can_be_read(message in proptest::collection::vec(any::<u8>(), 0..400)) {
            for field in fields(&message) {
                prop_assert!(!field.name.is_empty());
                let value = field.unfold();
                prop_assert!(value.len() <= 3 * field.raw.len());
                prop_assert!(!value.contains(char::is_control));
            }
        }

        #[test]
        fn what_was_written_is_read(written in proptest::collection::vec(("[!-9;-~]{1,20}", "[!-~]{1,20}( [!-~]{1,20}){0,3}"), 0..20), lf in any::<bool>()) {
            let end = if lf { "\n" } else { "\r\n" };
            let mut message = String::new();
            for (name, value) in &written {
                message += &format!("{name}: {}{end}", value.replace(' ', &format!("{end} ")));
            }
            prop_assert_eq!(read(format!("{message}{end}body: x{end}").as_bytes()), written);
        }
    }
}
