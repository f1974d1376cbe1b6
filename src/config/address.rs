//! Mail addresses as a configuration may hold them: ASCII, and nothing that could break out of an SMTP command or a header field.

use crate::config::key::Form;
use crate::config::problem::{Context, Read};
use crate::config::read;
use crate::config::tree::Node;

pub(super) static ADDRESS: Form =
    Form::new("a mail address such as `seed@example.org`").pattern(r#"^[^\s@<>(),;:\\"\[\]]+@[A-Za-z0-9._-]+$"#);
pub(super) static FROM: Form = Form::new("a sender such as `\"Shop <no-reply@shop.example>\"`")
    .pattern(r#"^([^<>]*<[^\s@<>]+@[A-Za-z0-9._-]+>|[^\s@<>]+@[A-Za-z0-9._-]+)$"#);
pub(super) static ENVELOPE: Form =
    Form::new("a mail address, in which `{token}` may stand").pattern(r"^[^\s@<>]+@[A-Za-z0-9._-]+$");

/// What stands for the seed's token in an envelope sender.
pub(super) const TOKEN: &str = "{token}";

/// Checks a mail address: `local-part@domain` (RFC 5321 §4.1.2), a dot-atom on the left, a DNS name on the right. Quoted local
/// parts and address literals are valid mail, and no test account or sender has one.
pub(super) fn check(text: &str) -> Result<(), String> {
    if !text.is_ascii() {
        return Err("it must be ASCII; an international domain is written as `xn--...`".to_owned());
    }
    if text.chars().any(|c| c.is_ascii_control() || c == ' ') {
        return Err("it holds a space or a control character".to_owned());
    }
    let Some((local, domain)) = text.split_once('@') else { return Err("the `@` is missing".to_owned()) };
    if domain.contains('@') {
        return Err("it has more than one `@`".to_owned());
    }
    if local.len() > 64 || !is_dot_atom(local) {
        return Err("the part before the `@` is not valid".to_owned());
    }
    read::check_host(domain).map_err(|_| "the part after the `@` is no domain".to_owned())
}

/// RFC 5322 §3.2.3.
fn is_dot_atom(text: &str) -> bool {
    let atext = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b);
    text.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(atext))
}

/// The domain of a checked address, in lower case.
pub(super) fn domain(address: &str) -> String {
    address.rsplit_once('@').map_or(address, |(_, domain)| domain).to_ascii_lowercase()
}

pub(super) fn address(cx: &Context<'_>, node: &Node) -> Read<String> {
    read::formed(cx, node, &ADDRESS, |text| check(text).map(|()| text.to_owned()))
}

/// `Name <address>` or a bare address: the display name, which may be empty, and the address.
pub(super) fn from(cx: &Context<'_>, node: &Node) -> Read<(String, String)> {
    read::formed(cx, node, &FROM, |text| {
        if text.chars().any(char::is_control) {
            return Err("it holds a line break or another control character".to_owned());
        }
        let (name, address) = match text.trim_end().strip_suffix('>') {
            Some(text) => text.rsplit_once('<').ok_or_else(|| "the `<` is missing".to_owned())?,
            None => ("", text),
        };
        check(address)?;
        let name = name.trim();
        let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name);
        if name.contains(['<', '>', '"']) {
            return Err("the name holds a quotation mark or an angle bracket".to_owned());
        }
        Ok((name.to_owned(), address.to_owned()))
    })
}

/// An envelope sender; `{token}` stands for the seed's token and may stand once, before the `@`.
pub(super) fn envelope(cx: &Context<'_>, node: &Node) -> Read<String> {
    read::formed(cx, node, &ENVELOPE, |text| {
        // A token has 32 characters, and the local part at most 64 (RFC 5321 §4.5.3.1.1).
        let sample = text.replacen(TOKEN, &"0".repeat(32), 1);
        if sample.contains(['{', '}']) {
            return Err(format!("`{TOKEN}` may stand in it once, and no other braces"));
        }
        check(&sample).map(|()| text.to_owned())
    })
}
