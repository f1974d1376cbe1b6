//! The words that tell a method from a property where the grammar was not kept.

/// Methods of the IANA registry (RFC 8601 §6.3), and those that receivers report without asking IANA.
const METHODS: [&str; 18] = [
    "spf",
    "dkim",
    "dmarc",
    "arc",
    "auth",
    "iprev",
    "sender-id",
    "senderid",
    "domainkeys",
    "dkim-adsp",
    "dkim-atps",
    "bimi",
    "dnswl",
    "compauth",
    "smime",
    "vbr",
    "rrvs",
    "x-google-dkim",
];

/// Results of RFC 8601 §2.7, and others that stand for one.
const RESULTS: [&str; 20] = [
    "pass",
    "fail",
    "none",
    "neutral",
    "softfail",
    "temperror",
    "permerror",
    "policy",
    "hardfail",
    "bestguesspass",
    "unknown",
    "skipped",
    "tempfail",
    "permfail",
    "temp_fail",
    "perm_fail",
    "dkim_pass",
    "success",
    "error",
    "invalid",
];

/// Property types (RFC 8601 §6.2, RFC 8904 §3): a name that starts with one of them and a dot is a property, never a method.
const PTYPES: [&str; 6] = ["smtp", "header", "body", "policy", "dns", "arc"];

/// Properties that some receivers write without a type, and the keys of Received-SPF (RFC 7208 §9.1) that Amazon SES copies.
const PROPERTIES: [&str; 22] = [
    "a",
    "action",
    "b",
    "client-ip",
    "d",
    "dis",
    "domain",
    "envelope-from",
    "from",
    "helo",
    "i",
    "identity",
    "ip",
    "mailfrom",
    "mechanism",
    "mfrom",
    "p",
    "problem",
    "reason",
    "receiver",
    "s",
    "selector",
];

fn has(words: &[&str], word: &[u8]) -> bool {
    words.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(word))
}

/// A method by its name alone.
pub(super) fn is_method(name: &[u8]) -> bool {
    has(&METHODS, name)
}

/// A usual result.
pub(super) fn is_result(word: &str) -> bool {
    has(&RESULTS, word.as_bytes())
}

/// `ptype.property` with a registered ptype.
pub(super) fn is_typed_property(name: &[u8]) -> bool {
    let mut parts = name.splitn(2, |byte| *byte == b'.');
    parts.next().is_some_and(|ptype| has(&PTYPES, ptype)) && parts.next().is_some()
}

/// A property that is known by its name alone, with its ptype or without.
pub(super) fn is_property(name: &[u8]) -> bool {
    has(&PROPERTIES, name) || is_typed_property(name)
}

/// May be the method of a result that says `value`, though nobody knows it: where a result may start, an unknown word with a keyword behind it.
pub(super) fn may_be_method(name: &[u8], value: &str) -> bool {
    let in_keyword = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    name.first().is_some_and(u8::is_ascii_alphabetic)
        && name.iter().all(|byte| in_keyword(byte) || *byte == b'.')
        && !value.is_empty()
        && value.as_bytes().iter().all(in_keyword)
        && !is_property(name)
}
