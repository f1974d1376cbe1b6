//! Readers of single values: from a node to a checked value, or a reported error.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::duration;
use crate::config::key::Form;
use crate::config::nearest;
use crate::config::problem::{Context, Place, Read};
use crate::config::tree::{Node, Value};

pub(super) static TEXT: Form = Form::new("a text");
pub(super) static NAME: Form =
    Form::new("a name of 1 to 64 letters, digits, `_`, `.` and `-`").pattern("^[A-Za-z0-9_.-]{1,64}$");
pub(super) static FILE: Form = Form::new("a file name");
pub(super) static HOST: Form = Form::new("a host name or an IP address").pattern("^[A-Za-z0-9:._-]{1,253}$");
pub(super) static DOMAIN: Form = Form::new("a domain name").pattern(r"^(\*\.)?[A-Za-z0-9._-]{1,253}$");
pub(super) static SELECTOR: Form =
    Form::new("a selector such as `s1` or `20260101`").pattern("^[A-Za-z0-9._-]{1,253}$");
pub(super) static HELO: Form = Form::new("a host name, or an address such as `[192.0.2.1]`")
    .pattern(r"^(\[[0-9A-Za-z:.]+\]|[A-Za-z0-9._-]{1,253})$");
pub(super) static IP: Form = Form::new("an IP address").pattern("^[0-9A-Fa-f:.]+$");
pub(super) static SERVER: Form = Form::new("an IP address with or without a port, such as `127.0.0.1:53`")
    .pattern(r"^(\[[0-9A-Fa-f:.]+\]:[0-9]+|[0-9A-Fa-f:.]+)$");
pub(super) static ENV: Form = Form::new("the name of an environment variable").pattern("^[A-Za-z_][A-Za-z0-9_]*$");

/// A user's word as an error message quotes it: bounded, on one line.
pub(super) fn shown(text: &str) -> String {
    const MAX: usize = 60;
    let mut shown: String = text.chars().take(MAX).map(|c| if c.is_control() { '?' } else { c }).collect();
    if text.chars().nth(MAX).is_some() {
        shown.push_str("...");
    }
    shown
}

/// The text of a single value, whatever YAML would make of it.
pub(super) fn scalar<'n>(cx: &Context<'_>, node: &'n Node, noun: &str) -> Read<&'n str> {
    match &node.value {
        Value::Scalar { text, .. } if !node.is_null() => Ok(text),
        _ => Err(cx.error(node.at, format!("expected {noun}, found {}", node.shape()))),
    }
}

/// A single value of the given form. `parse` tells what is wrong in a few words, or nothing where the form says enough.
pub(super) fn formed<T>(
    cx: &Context<'_>,
    node: &Node,
    form: &Form,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Read<T> {
    let text = scalar(cx, node, form.noun)?;
    if text.is_empty() {
        return Err(cx.error(node.at, format!("expected {}, found an empty text", form.noun)));
    }
    parse(text).map_err(|reason| {
        let reason = if reason.is_empty() { reason } else { format!(": {reason}") };
        cx.error(node.at, format!("expected {}, found `{}`{reason}", form.noun, shown(text)))
    })
}

/// A text of at least one character, without control characters.
pub(super) fn text(cx: &Context<'_>, node: &Node) -> Read<String> {
    formed(cx, node, &TEXT, |text| match text {
        _ if text.chars().any(char::is_control) => Err("it holds a line break or another control character".to_owned()),
        _ => Ok(text.to_owned()),
    })
}

/// A name, as the keys of `routes:` and the like are. `all` means all of them and names none.
pub(super) fn check_name(cx: &Context<'_>, at: Place, name: &str, what: &str) -> Read<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
        return Err(cx.error(at, format!("expected {} for this {what}, found `{}`", NAME.noun, shown(name))));
    }
    if name == "all" {
        return Err(cx.error(at, format!("a {what} cannot be called `all`: that word stands for all of them")));
    }
    Ok(())
}

pub(super) fn duration(cx: &Context<'_>, node: &Node) -> Read<Duration> {
    formed(cx, node, &duration::DURATION, duration::parse)
}

/// A duration above zero.
pub(super) fn positive(cx: &Context<'_>, node: &Node) -> Read<Duration> {
    bounded(cx, node, "above 0", |value| !value.is_zero())
}

/// A duration of at least a second: nothing here should happen more often.
pub(super) fn seconds(cx: &Context<'_>, node: &Node) -> Read<Duration> {
    bounded(cx, node, "of at least 1s", |value| value >= Duration::from_secs(1))
}

fn bounded(cx: &Context<'_>, node: &Node, bound: &str, holds: impl FnOnce(Duration) -> bool) -> Read<Duration> {
    let value = duration(cx, node)?;
    if holds(value) {
        return Ok(value);
    }
    Err(cx.error(node.at, format!("expected a duration {bound}, found `{}`", duration::format_duration(value))))
}

/// A whole number from `min` to `max`.
pub(super) fn count(min: u32, max: u32) -> impl Fn(&Context<'_>, &Node) -> Read<u32> {
    move |cx, node| {
        let noun = format!("a whole number from {min} to {max}");
        let text = scalar(cx, node, &noun)?;
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        match text.parse() {
            Ok(number) if digits && (min..=max).contains(&number) => Ok(number),
            _ => Err(cx.error(node.at, format!("expected {noun}, found `{}`", shown(text)))),
        }
    }
}

/// A TCP port.
pub(super) fn port(cx: &Context<'_>, node: &Node) -> Read<u16> {
    count(1, u32::from(u16::MAX))(cx, node).map(|number| u16::try_from(number).unwrap_or(u16::MAX))
}

pub(super) fn flag(cx: &Context<'_>, node: &Node) -> Read<bool> {
    word(cx, node, &[true, false], |flag| if flag { "true" } else { "false" })
}

/// One of `all`, by its word.
pub(super) fn word<T: Copy>(cx: &Context<'_>, node: &Node, all: &[T], spell: impl Fn(T) -> &'static str) -> Read<T> {
    let words = || all.iter().map(|value| spell(*value));
    let noun = format!("one of {}", words().collect::<Vec<_>>().join(", "));
    let text = scalar(cx, node, &noun)?;
    all.iter().copied().find(|value| spell(*value) == text).ok_or_else(|| {
        let near = nearest::nearest(text, words()).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        cx.error(node.at, format!("expected {noun}, found `{}`{near}", shown(text)))
    })
}

/// A list, or a single value for a list of one. Every item is read, so that all of them can complain.
pub(super) fn many<T>(
    cx: &Context<'_>,
    node: &Node,
    noun: &str,
    read: impl Fn(&Context<'_>, &Node) -> Read<T>,
) -> Read<Vec<T>> {
    match &node.value {
        Value::List(items) => {
            let read: Vec<_> = items.iter().map(|item| read(cx, item)).collect();
            let mut seen = BTreeSet::new();
            let mut twice = Ok(());
            for item in items {
                if let Value::Scalar { text, .. } = &item.value
                    && !seen.insert(text)
                {
                    twice = Err(cx.error(item.at, format!("`{}` is listed twice", shown(text))));
                }
            }
            twice.and_then(|()| read.into_iter().collect())
        }
        Value::Scalar { .. } if !node.is_null() => Ok(vec![read(cx, node)?]),
        _ => Err(cx.error(node.at, format!("expected {noun}, or a list of them, found {}", node.shape()))),
    }
}

pub(super) fn texts(cx: &Context<'_>, node: &Node) -> Read<Vec<String>> {
    many(cx, node, "a text", text)
}

/// A DNS name, in lower case.
pub(super) fn domain(cx: &Context<'_>, node: &Node) -> Read<String> {
    formed(cx, node, &DOMAIN, |text| match text.parse::<IpAddr>() {
        Ok(_) => Err("it is an address".to_owned()),
        Err(_) => check_host(text).map(|()| text.to_ascii_lowercase()),
    })
}

/// The selector of a DKIM key (RFC 6376 §3.1). Numbers, such as dates, are usual.
pub(super) fn selector(cx: &Context<'_>, node: &Node) -> Read<String> {
    formed(cx, node, &SELECTOR, |text| check_labels(text).map(|()| text.to_owned()))
}

/// A DNS name or an address, without a port.
pub(super) fn host(cx: &Context<'_>, node: &Node) -> Read<String> {
    formed(cx, node, &HOST, |text| match text.parse::<IpAddr>() {
        Ok(_) => Ok(text.to_owned()),
        // A dot at the end says that the name is complete; the resolver knows what to make of it.
        Err(_) => check_host(text.strip_suffix('.').unwrap_or(text)).map(|()| text.to_owned()),
    })
}

/// Checks a domain name. One whose last label is a number would be a mistyped address (RFC 3696 §2).
pub(super) fn check_host(text: &str) -> Result<(), String> {
    check_labels(text)?;
    match text.rsplit('.').next() {
        Some(last) if last.bytes().all(|b| b.is_ascii_digit()) => Err("it is neither an address nor a name".to_owned()),
        _ => Ok(()),
    }
}

/// Checks the letters and lengths of a DNS name's labels (RFC 1035 §2.3.4, RFC 1123 §2.1; the underscore is in use too).
fn check_labels(text: &str) -> Result<(), String> {
    let plain = |label: &str| {
        let inner = !label.starts_with('-') && !label.ends_with('-') && (1..=63).contains(&label.len());
        inner && label.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    };
    if text.contains("://") {
        Err("without the scheme".to_owned())
    } else if text.starts_with('[') {
        Err("an IPv6 address has no brackets here".to_owned())
    } else if text.contains(':') {
        Err("the port has a key of its own".to_owned())
    } else if !text.is_ascii() {
        Err("international names are written as `xn--...`".to_owned())
    } else if text.len() <= 253 && text.split('.').all(plain) {
        Ok(())
    } else {
        Err(String::new())
    }
}

/// The name in EHLO: a host name or an address literal (RFC 5321 §4.1.3).
pub(super) fn helo(cx: &Context<'_>, node: &Node) -> Read<String> {
    formed(cx, node, &HELO, |text| {
        let literal = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        let valid = match literal {
            Some(address) => address.strip_prefix("IPv6:").unwrap_or(address).parse::<IpAddr>().is_ok(),
            None => check_host(text).is_ok() && text.parse::<IpAddr>().is_err(),
        };
        if valid { Ok(text.to_owned()) } else { Err(String::new()) }
    })
}

pub(super) fn ip(cx: &Context<'_>, node: &Node) -> Read<IpAddr> {
    formed(cx, node, &IP, |text| text.parse().map_err(|_| String::new()))
}

/// A DNS server: an address, with port 53 where none is given.
pub(super) fn dns_server(cx: &Context<'_>, node: &Node) -> Read<SocketAddr> {
    formed(cx, node, &SERVER, |text| {
        let bare = text.parse::<IpAddr>().map(|address| SocketAddr::new(address, 53));
        text.parse().or(bare).map_err(|_| String::new())
    })
}

/// A file name, relative to the configuration's directory. Says nothing about the file.
pub(super) fn path(cx: &Context<'_>, node: &Node) -> Read<PathBuf> {
    formed(cx, node, &FILE, |text| match text {
        _ if text.contains('\0') => Err(String::new()),
        _ => Ok(cx.base_dir.join(text)),
    })
}

/// A file that can be opened for reading.
pub(super) fn file(cx: &Context<'_>, node: &Node) -> Read<PathBuf> {
    let path = path(cx, node)?;
    match open(&path) {
        Ok(_) => Ok(path),
        Err(reason) => Err(cx.error(node.at, unreadable(node, &reason))),
    }
}

/// The whole text of a file of at most `limit` bytes.
pub(super) fn file_text(cx: &Context<'_>, node: &Node, limit: u64) -> Read<String> {
    let path = path(cx, node)?;
    read_text(&path, limit).map_err(|reason| cx.error(node.at, unreadable(node, &reason)))
}

fn unreadable(node: &Node, reason: &str) -> String {
    match &node.value {
        Value::Scalar { text, .. } => format!("could not read `{}`: {reason}", shown(text)),
        _ => format!("could not read it: {reason}"),
    }
}

fn open(path: &Path) -> Result<File, String> {
    // Opening a FIFO would wait for its writer.
    let about = std::fs::metadata(path).map_err(|error| reason(&error))?;
    if !about.is_file() {
        return Err("it is no file".to_owned());
    }
    File::open(path).map_err(|error| reason(&error))
}

/// Reads a file of at most `limit` bytes as UTF-8.
pub(super) fn read_text(path: &Path, limit: u64) -> Result<String, String> {
    let mut bytes = Vec::new();
    open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| reason(&error))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        return Err(format!("it is larger than {} KiB", limit / 1024));
    }
    String::from_utf8(bytes).map_err(|error| format!("it is not UTF-8 (byte {})", error.utf8_error().valid_up_to()))
}

/// The kind of an I/O error in words, the same on every system.
fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".to_owned(),
        kind => kind.to_string(),
    }
}
