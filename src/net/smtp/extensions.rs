//! What a server offers in its reply to EHLO (RFC 5321 §4.1.1.1): one keyword a line, after the first.

/// The extensions that matter to a handoff.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Extensions {
    /// STARTTLS (RFC 3207).
    pub start_tls: bool,
    /// 8BITMIME (RFC 6152).
    pub eight_bit: bool,
    /// SMTPUTF8 (RFC 6531).
    pub utf8: bool,
    /// SIZE (RFC 1870).
    pub size: bool,
    /// The mechanisms of AUTH (RFC 4954), in upper case.
    pub auth: Vec<String>,
}

impl Extensions {
    /// Reads the text of an EHLO reply.
    pub fn parse(text: &str) -> Self {
        let mut extensions = Self::default();
        for line in text.lines().skip(1) {
            let line = line.to_ascii_uppercase();
            // Exchange 2003 and its contemporaries write `AUTH=LOGIN`, some servers both forms.
            let mut words = line.split([' ', '\t', '=']).filter(|word| !word.is_empty());
            match words.next() {
                Some("STARTTLS") => extensions.start_tls = true,
                Some("8BITMIME") => extensions.eight_bit = true,
                Some("SMTPUTF8") => extensions.utf8 = true,
                Some("SIZE") => extensions.size = true,
                Some("AUTH") => extensions.auth.extend(words.map(str::to_owned)),
                _ => {}
            }
        }
        extensions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_in_any_case_and_the_old_form_of_auth() {
        let read = Extensions::parse(
            "mx starttls\nPIPELINING\nsize 10240000\nStartTLS\nAUTH=LOGIN\nAUTH PLAIN cram-md5\n8BITMIME\nSMTPUTF8",
        );
        let auth = ["LOGIN", "PLAIN", "CRAM-MD5"].map(String::from).to_vec();
        assert_eq!(read, Extensions { start_tls: true, eight_bit: true, utf8: true, size: true, auth });
        assert_eq!(Extensions::parse("STARTTLS"), Extensions::default(), "the first line is the server's name");
    }
}
