//! One folder as LIST tells of it (RFC 3501 §7.2.2, RFC 6154, and Google's older XLIST).

use crate::net::imap::scan::Scanner;
use crate::syntax::utf7;

/// More attributes than any folder has; the rest is not kept.
const MOST_ATTRIBUTES: usize = 32;

/// A folder of the account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folder {
    /// Its name on the wire, to open it with.
    pub wire: String,
    /// Its name for people.
    pub name: String,
    /// What separates the levels of its name; `None` where the server has no levels.
    pub delimiter: Option<char>,
    /// Whether it can be opened: a parent that only holds other folders cannot (`\Noselect`, `\NonExistent`).
    pub selectable: bool,
    /// Its attributes in lower case, such as `\junk`.
    pub attributes: Vec<String>,
}

impl Folder {
    /// Reads `(attributes) delimiter name`. `None` where that breaks off.
    pub(super) fn parse(scanner: &mut Scanner) -> Option<Self> {
        let attributes = attributes(scanner)?;
        scanner.spaces();
        let delimiter = scanner.string()?.and_then(|bytes| String::from_utf8_lossy(&bytes).chars().next());
        scanner.spaces();
        // An unquoted NIL here is a folder that is called so.
        let name = scanner.string()?.unwrap_or_else(|| b"NIL".to_vec());
        let wire = String::from_utf8_lossy(&name).into_owned();
        let selectable =
            !attributes.iter().any(|attribute| matches!(attribute.as_str(), "\\noselect" | "\\nonexistent"));
        Some(Self { name: utf7::decode(&wire).into_owned(), wire, delimiter, selectable, attributes })
    }

    /// Whether it has the attribute, given in lower case with its backslash.
    #[must_use]
    pub fn is(&self, attribute: &str) -> bool {
        self.attributes.iter().any(|known| known == attribute)
    }
}

fn attributes(scanner: &mut Scanner) -> Option<Vec<String>> {
    let mut attributes = Vec::new();
    if !scanner.eat(b'(') {
        return None;
    }
    loop {
        scanner.spaces();
        if scanner.eat(b')') {
            return Some(attributes);
        }
        let attribute = scanner.atom();
        if attribute.is_empty() {
            return None;
        }
        if attributes.len() < MOST_ATTRIBUTES {
            attributes.push(String::from_utf8_lossy(&attribute).to_ascii_lowercase());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::imap::frame::Raw;

    fn parse(text: &str, literals: &[&str]) -> Option<Folder> {
        let literals = literals.iter().map(|literal| literal.as_bytes().to_vec()).collect();
        Folder::parse(&mut Scanner::new(Raw { text: text.into(), literals }))
    }

    #[test]
    fn names_and_delimiters_in_every_form() {
        for (text, literals, wire, delimiter) in [
            (r#"(\HasNoChildren) "/" "INBOX""#, &[][..], "INBOX", Some('/')),
            (r#"() NIL INBOX"#, &[], "INBOX", None),
            (r#"(\Marked) "." INBOX.Spam"#, &[], "INBOX.Spam", Some('.')),
            (r#"() "\\" "a\\b \"c\"""#, &[], r#"a\b "c""#, Some('\\')),
            ("() \"\\\"\" {5}\r\n", &["a\r\n\"b"], "a\r\n\"b", Some('"')),
            (r#"( ) "/" "[Gmail]/Spam" ("CHILDINFO" ("SUBSCRIBED"))"#, &[], "[Gmail]/Spam", Some('/')),
            (r#"() "" nil"#, &[], "NIL", None),
            (r#"()  "/"  """#, &[], "", Some('/')),
        ] {
            let folder = parse(text, literals).unwrap();
            assert_eq!((folder.wire.as_str(), folder.delimiter), (wire, delimiter), "{text}");
        }
        for text in ["", "(", "(\\A", "() ", "() \"/\" ", "() \"/\" \"open", "() (x) y", "INBOX"] {
            assert_eq!(parse(text, &[]), None, "{text}");
        }
    }

    #[test]
    fn a_name_is_decoded_or_left_as_it_is() {
        assert_eq!(parse(r#"() "/" "&V4NXPpCuTvY-""#, &[]).unwrap().name, "垃圾邮件");
        assert_eq!(parse(r#"() "/" "Q&A""#, &[]).unwrap().name, "Q&A");
        assert_eq!(parse(r#"() "/" "Entwürfe""#, &[]).unwrap().name, "Entwürfe");
    }

    #[test]
    fn parents_that_only_hold_folders_cannot_be_opened() {
        assert!(!parse(r#"(\NoSelect \HasChildren) "/" "[Gmail]""#, &[]).unwrap().selectable);
        assert!(!parse(r#"(\NONEXISTENT) "/" "a""#, &[]).unwrap().selectable);
        let junk = parse(r#"(\HasNoChildren \Junk) "/" "Bulk""#, &[]).unwrap();
        assert!(junk.selectable && junk.is("\\junk"));
    }
}
