//! What is sent: a command in the pieces between which the server must ask for more (RFC 3501 §4.3, §7.5).

use secrecy::zeroize::Zeroizing;

/// A command without its tag. Each piece but the first waits for a continuation request (`+`). Wiped from memory when dropped:
/// one of them holds the password, so that there is no `Debug` either.
pub(super) struct Command {
    pieces: Vec<Zeroizing<Vec<u8>>>,
    /// Whether the server may take literals without being asked (RFC 7888).
    eager: bool,
}

impl Command {
    /// A command that starts with these words.
    pub(super) fn new(words: &str) -> Self {
        Self { pieces: vec![Zeroizing::new(words.into())], eager: false }
    }

    /// Literals are sent without waiting (RFC 7888 `LITERAL+`, or `LITERAL-`, which stops at 4096 bytes, and so do we).
    pub(super) fn eager(mut self, eager: bool) -> Self {
        self.eager = eager;
        self
    }

    fn push(&mut self, bytes: &[u8]) {
        if let Some(piece) = self.pieces.last_mut() {
            piece.extend_from_slice(bytes);
        }
    }

    /// A space and words of our own.
    pub(super) fn words(mut self, words: &str) -> Self {
        self.push(b" ");
        self.push(words.as_bytes());
        self
    }

    /// A space and a string from outside: quoted where every server reads that alike, else as a literal. No string can end the
    /// command or start another.
    pub(super) fn string(mut self, string: &[u8]) -> Self {
        let plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
        if string.iter().all(plain) {
            self.push(b" \"");
            self.push(string);
            self.push(b"\"");
        } else if self.eager && string.len() <= 4096 {
            self.push(format!(" {{{}+}}\r\n", string.len()).as_bytes());
            self.push(string);
        } else {
            self.push(format!(" {{{}}}\r\n", string.len()).as_bytes());
            self.pieces.push(Zeroizing::new(string.to_vec()));
        }
        self
    }

    /// Ends the line, and goes on with `line` when the server asks for it.
    pub(super) fn then_line(mut self, line: &[u8]) -> Self {
        self.push(b"\r\n");
        self.pieces.push(Zeroizing::new(line.to_vec()));
        self
    }

    /// The pieces to send.
    pub(super) fn finish(mut self, tag: &str) -> Vec<Zeroizing<Vec<u8>>> {
        self.push(b"\r\n");
        if let Some(first) = self.pieces.first_mut() {
            first.splice(..0, tag.bytes().chain([b' ']));
        }
        self.pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(command: Command) -> Vec<String> {
        command.finish("A1").iter().map(|piece| String::from_utf8(piece.to_vec()).unwrap()).collect()
    }

    #[test]
    fn strings_are_quoted_where_that_is_safe_and_literals_elsewhere() {
        assert_eq!(text(Command::new("LOGIN").string(b"a b").string(b"")), ["A1 LOGIN \"a b\" \"\"\r\n"]);
        assert_eq!(
            text(Command::new("LOGIN").string("ü".as_bytes()).string(b"a\"\r\nA2 DELETE x")),
            ["A1 LOGIN {2}\r\n", "ü {15}\r\n", "a\"\r\nA2 DELETE x\r\n"]
        );
        assert_eq!(text(Command::new("EXAMINE").eager(true).string(b"a\\b")), ["A1 EXAMINE {3+}\r\na\\b\r\n"]);
        assert_eq!(
            text(Command::new("AUTHENTICATE PLAIN").then_line(b"AGE=")),
            ["A1 AUTHENTICATE PLAIN\r\n", "AGE=\r\n"]
        );
    }
}
