//! One term: a directive or a modifier (RFC 7208 §4.6.1, §5, §6, §12).

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::syntax::spf::macros::{Where, domain_spec, macro_string};
use crate::syntax::spf::{MacroString, Mechanism, Prefixes, Qualifier, Slice, SyntaxError, TermKind};

/// Reads one term, which has no space in it and is not empty.
pub(super) fn read(term: Slice<'_>) -> Result<TermKind, SyntaxError> {
    let (qualifier, rest) = qualifier(term);
    let (name, argument) = rest.take_while(is_name);
    if !name.bytes.first().is_some_and(u8::is_ascii_alphabetic) {
        return Err(term.error("a mechanism or a modifier, which begin with a letter"));
    }
    if let (None, Some(value)) = (qualifier, argument.strip(b'=')) {
        return modifier(name, value);
    }
    Ok(TermKind::Directive(qualifier.unwrap_or_default(), mechanism(term, name, argument)?))
}

fn qualifier(term: Slice<'_>) -> (Option<Qualifier>, Slice<'_>) {
    let qualifier = match term.bytes.first() {
        Some(b'+') => Qualifier::Pass,
        Some(b'-') => Qualifier::Fail,
        Some(b'~') => Qualifier::SoftFail,
        Some(b'?') => Qualifier::Neutral,
        _ => return (None, term),
    };
    (Some(qualifier), term.split(1).1)
}

/// `name` of RFC 7208 §12, but for its first character.
fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

fn modifier(name: Slice<'_>, value: Slice<'_>) -> Result<TermKind, SyntaxError> {
    match name.text().to_ascii_lowercase().as_str() {
        "redirect" => Ok(TermKind::Redirect(domain_spec(value)?)),
        "exp" => Ok(TermKind::Explanation(domain_spec(value)?)),
        _ => Ok(TermKind::Unknown { name: name.text().into_owned(), value: macro_string(value, Where::Modifier)? }),
    }
}

fn mechanism(term: Slice<'_>, name: Slice<'_>, argument: Slice<'_>) -> Result<Mechanism, SyntaxError> {
    match name.text().to_ascii_lowercase().as_str() {
        "all" if argument.bytes.is_empty() => Ok(Mechanism::All),
        "all" => Err(argument.error("nothing after `all`")),
        "include" => Ok(Mechanism::Include(domain_spec(value(argument)?)?)),
        "exists" => Ok(Mechanism::Exists(domain_spec(value(argument)?)?)),
        "ptr" if argument.bytes.is_empty() => Ok(Mechanism::Ptr(None)),
        "ptr" => Ok(Mechanism::Ptr(Some(domain_spec(value(argument)?)?))),
        "a" => hosts(argument).map(|(domain, prefixes)| Mechanism::A(domain, prefixes)),
        "mx" => hosts(argument).map(|(domain, prefixes)| Mechanism::Mx(domain, prefixes)),
        "ip4" => ip4(value(argument)?),
        "ip6" => ip6(value(argument)?),
        // A frequent slip; a bare word with `:` cannot be a modifier.
        "redirect" | "exp" => Err(term.error("`=` after the name of a modifier")),
        _ => Err(term.error("a mechanism: all, include, a, mx, ptr, ip4, ip6 or exists")),
    }
}

fn value(argument: Slice<'_>) -> Result<Slice<'_>, SyntaxError> {
    argument.strip(b':').ok_or_else(|| argument.error("`:` and a value"))
}

/// `[":" domain-spec] [dual-cidr-length]` (§5.3, §5.4). A domain-spec may contain slashes, so the lengths are looked for from the end.
fn hosts(argument: Slice<'_>) -> Result<(Option<MacroString>, Prefixes), SyntaxError> {
    let (front, prefixes) = dual_cidr(argument)?;
    if front.bytes.is_empty() {
        return Ok((None, prefixes));
    }
    let Some(domain) = front.strip(b':') else {
        return Err(front.error("`:` and a domain, `/` and a prefix length, or nothing"));
    };
    Ok((Some(domain_spec(domain)?), prefixes))
}

/// Takes `[ip4-cidr-length] ["/" ip6-cidr-length]` off the end (§5.3).
fn dual_cidr(argument: Slice<'_>) -> Result<(Slice<'_>, Prefixes), SyntaxError> {
    let mut prefixes = Prefixes::default();
    let mut front = argument;
    if let Some((before, digits)) = slash_digits(front)
        && let Some(before) = before.bytes.strip_suffix(b"/")
    {
        prefixes.ip6 = length(digits, 128)?;
        front = front.split(before.len()).0;
    }
    if let Some((before, digits)) = slash_digits(front) {
        prefixes.ip4 = length(digits, 32)?;
        front = before;
    }
    Ok((front, prefixes))
}

/// What stands before the last slash and the digits after it, where only digits follow.
fn slash_digits(text: Slice<'_>) -> Option<(Slice<'_>, Slice<'_>)> {
    let digits = text.bytes.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (front, digits) = text.split(text.bytes.len().saturating_sub(digits));
    let before = front.bytes.strip_suffix(b"/")?;
    (!digits.bytes.is_empty()).then(|| (front.split(before.len()).0, digits))
}

/// A prefix length without leading zeros, at most `max` (`ip4-cidr-length` and `ip6-cidr-length`, §5.3).
fn length(digits: Slice<'_>, max: u8) -> Result<u8, SyntaxError> {
    let expected = if max == 32 { "a prefix length of 0 to 32" } else { "a prefix length of 0 to 128" };
    let number = match digits.bytes {
        [b'0', _, ..] => None,
        _ => digits.text().parse().ok().filter(|number| *number <= max),
    };
    number.ok_or_else(|| digits.error(expected))
}

fn ip4(value: Slice<'_>) -> Result<Mechanism, SyntaxError> {
    let (address, prefix) = network(value, 32)?;
    let address: Option<Ipv4Addr> = address.text().parse().ok();
    Ok(Mechanism::Ip4(address.ok_or_else(|| value.error("an IPv4 address or network"))?, prefix))
}

fn ip6(value: Slice<'_>) -> Result<Mechanism, SyntaxError> {
    let (address, prefix) = network(value, 128)?;
    let address: Option<Ipv6Addr> = address.text().parse().ok();
    Ok(Mechanism::Ip6(address.ok_or_else(|| value.error("an IPv6 address or network"))?, prefix))
}

/// The address, and how many of its bits count: all (`max`) without a slash.
fn network(value: Slice<'_>, max: u8) -> Result<(Slice<'_>, u8), SyntaxError> {
    let (address, rest) = value.take_while(|byte| byte != b'/');
    match rest.strip(b'/') {
        Some(digits) => Ok((address, length(digits, max)?)),
        None => Ok((address, max)),
    }
}
