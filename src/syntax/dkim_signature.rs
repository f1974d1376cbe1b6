//! The DKIM-Signature field (RFC 6376 §3.5), and ARC-Message-Signature, which is nearly the same (RFC 8617 §4.1.2).
//!
//! ```text
//! v=1; a=rsa-sha256; c=relaxed/simple;       algorithm; canonical form of header/body
//!     d=shop.example; s=s1;                  the key is at s1._domainkey.shop.example
//!     h=from:to:subject:from; l=1024;        signed fields; how much of the body (all without l=)
//!     t=1700000000; x=1700600000;            signed when, good until
//!     bh=...; b=...                          the body's hash; the signature
//! ```
//!
//! What is read here is only what the field says; whether it is true is for the judge. Names in `d=`, `s=` and `i=` may be UTF-8 (RFC 8616 §4).

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use crate::syntax::canonical::Canonicalization;
use crate::syntax::tag_list::{TagList, TagListError, without_space, words};

/// How much of a signature field is read, in bytes. Real ones have less than 2 KiB.
pub const MAX_FIELD: usize = 1 << 16;

/// Why a signature field says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// It has more than [`MAX_FIELD`] bytes.
    #[error("the field has {0} bytes")]
    TooLong(usize),
    /// It is no tag list.
    #[error("the field is no tag list: {0}")]
    Malformed(#[from] TagListError),
    /// A tag that must be there is not.
    #[error("tag {0}= is missing")]
    MissingTag(&'static str),
    /// A tag's value is not what it must be.
    #[error("tag {tag}= {why}")]
    BadTag {
        /// The tag's name.
        tag: &'static str,
        /// What is wrong, to be read after the tag.
        why: &'static str,
    },
    /// `a=` names an algorithm that RFC 6376, RFC 8301 and RFC 8463 do not know.
    #[error("nobody knows the algorithm {0:?}")]
    UnknownAlgorithm(String),
}

/// `a=`: the kind of key and the hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// RSA with SHA-1, which nobody may rely on any more (RFC 8301 §3.1).
    RsaSha1,
    /// RSA with SHA-256.
    RsaSha256,
    /// Ed25519 over SHA-256 (RFC 8463).
    Ed25519Sha256,
}

impl Algorithm {
    /// The word in `a=`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RsaSha1 => "rsa-sha1",
            Self::RsaSha256 => "rsa-sha256",
            Self::Ed25519Sha256 => "ed25519-sha256",
        }
    }

    /// The word in a key's `h=`.
    #[must_use]
    pub fn hash(self) -> &'static str {
        match self {
            Self::RsaSha1 => "sha1",
            Self::RsaSha256 | Self::Ed25519Sha256 => "sha256",
        }
    }
}

/// A signature field, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// `a=`.
    pub algorithm: Algorithm,
    /// `b=`, the signature itself.
    pub value: Vec<u8>,
    /// Where the value of `b=` stands in the field's value, white space around it included: what is cut out before the field is hashed.
    pub value_span: Range<usize>,
    /// `d=`, in lower case.
    pub domain: String,
    /// `s=`, in lower case.
    pub selector: String,
    /// `t=`, in seconds since 1970.
    pub timestamp: Option<u64>,
}

/// A signature over a body and some header fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageSignature {
    /// Who signed, how, and when.
    pub signature: Signature,
    /// `c=`, for header fields.
    pub header: Canonicalization,
    /// `c=`, for the body.
    pub body: Canonicalization,
    /// `bh=`.
    pub body_hash: Vec<u8>,
    /// `l=`: how many bytes of the canonical body are signed; all of it where absent.
    pub body_length: Option<u64>,
    /// `h=`: names of the signed fields as written, in their order.
    pub signed: Vec<String>,
    /// `i=` of a DKIM signature, as written: for whom the domain signed. Not there in ARC, where `i=` is the instance.
    pub identity: Option<String>,
    /// `x=`, in seconds since 1970.
    pub expires: Option<u64>,
}

/// Reads the value of a DKIM-Signature field, folds and all.
///
/// # Errors
/// When it is not one, with the tag at fault.
pub fn parse(value: &[u8]) -> Result<MessageSignature, SignatureError> {
    let tags = tag_list(value)?;
    match required(&tags, "v")? {
        "1" => {}
        _ => return Err(bad("v", "is not 1")),
    }
    let mut signature = message_signature(&tags)?;
    // RFC 6376 §3.5: "dns/txt" is the only way to a key.
    if tags.value("q").is_some_and(|query| !words(query).any(|word| word.eq_ignore_ascii_case("dns/txt"))) {
        return Err(bad("q", "does not have dns/txt, the only way to a key"));
    }
    signature.identity = tags.value("i").map(without_space);
    if signature.identity.as_ref().is_some_and(|identity| !identity.contains('@')) {
        return Err(bad("i", "has no @"));
    }
    Ok(signature)
}

/// The list of tags in a signature field's value.
///
/// # Errors
/// When it is none, or too long.
pub fn tag_list(value: &[u8]) -> Result<TagList<'_>, SignatureError> {
    if value.len() > MAX_FIELD {
        return Err(SignatureError::TooLong(value.len()));
    }
    Ok(TagList::parse(value)?)
}

/// The tags that DKIM-Signature and ARC-Message-Signature share. The identity is left empty.
///
/// # Errors
/// When one is missing or bad.
pub fn message_signature(tags: &TagList<'_>) -> Result<MessageSignature, SignatureError> {
    let signature = signature(tags)?;
    let (header, body) = canonicalization(tags.value("c"))?;
    let signed: Vec<String> = words(required(tags, "h")?).map(str::to_owned).collect();
    if signed.iter().any(String::is_empty) {
        return Err(bad("h", "has an empty name"));
    }
    let expires = tags.value("x").map(|value| number("x", value)).transpose()?;
    // RFC 6376 §3.5: "The value of the "x=" tag MUST be greater than the value of the "t=" tag if both are present."
    if expires.is_some_and(|x| signature.timestamp.is_some_and(|t| x <= t)) {
        return Err(bad("x", "is not later than t="));
    }
    Ok(MessageSignature {
        header,
        body,
        body_hash: base64("bh", required(tags, "bh")?)?,
        body_length: tags.value("l").map(|value| number("l", value)).transpose()?,
        signed,
        identity: None,
        expires,
        signature,
    })
}

/// The tags that every kind of signature has, ARC-Seal too.
///
/// # Errors
/// When one is missing or bad.
pub fn signature(tags: &TagList<'_>) -> Result<Signature, SignatureError> {
    let algorithm = required(tags, "a")?;
    let known = [Algorithm::RsaSha1, Algorithm::RsaSha256, Algorithm::Ed25519Sha256];
    let algorithm = known
        .into_iter()
        .find(|known| known.as_str().eq_ignore_ascii_case(algorithm))
        .ok_or_else(|| SignatureError::UnknownAlgorithm(algorithm.chars().take(40).collect()))?;
    Ok(Signature {
        algorithm,
        value: base64("b", required(tags, "b")?)?,
        value_span: tags.get("b").map(|tag| tag.span.clone()).unwrap_or_default(),
        domain: domain("d", required(tags, "d")?)?,
        selector: domain("s", required(tags, "s")?)?,
        timestamp: tags.value("t").map(|value| number("t", value)).transpose()?,
    })
}

/// The value of a tag that must be there.
///
/// # Errors
/// When it is not.
pub fn required<'a>(tags: &TagList<'a>, name: &'static str) -> Result<&'a str, SignatureError> {
    tags.value(name).ok_or(SignatureError::MissingTag(name))
}

fn bad(tag: &'static str, why: &'static str) -> SignatureError {
    SignatureError::BadTag { tag, why }
}

/// RFC 6376 §3.5: `header/body`; without a slash it is the header's, and the body is simple.
fn canonicalization(value: Option<&str>) -> Result<(Canonicalization, Canonicalization), SignatureError> {
    let (header, body) = value.map_or(("simple", "simple"), |value| value.split_once('/').unwrap_or((value, "simple")));
    let form = |word: &str| match word.to_ascii_lowercase().as_str() {
        "simple" => Ok(Canonicalization::Simple),
        "relaxed" => Ok(Canonicalization::Relaxed),
        _ => Err(bad("c", "is neither simple nor relaxed")),
    };
    Ok((form(header)?, form(body)?))
}

fn base64(tag: &'static str, value: &str) -> Result<Vec<u8>, SignatureError> {
    let bytes = STANDARD.decode(without_space(value)).map_err(|_| bad(tag, "is not Base64"))?;
    if bytes.is_empty() { Err(bad(tag, "is empty")) } else { Ok(bytes) }
}

/// RFC 6376 §3.5 allows up to 76 digits; more than fit are as good as the greatest number.
fn number(tag: &'static str, value: &str) -> Result<u64, SignatureError> {
    if value.is_empty() || value.len() > 76 || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad(tag, "is not a number"));
    }
    Ok(value.parse().unwrap_or(u64::MAX))
}

/// Labels of at most 63 bytes with dots between, 253 in all, so that the name can be asked for.
fn domain(tag: &'static str, value: &str) -> Result<String, SignatureError> {
    let in_label = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_') || !c.is_ascii();
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.chars().all(in_label);
    if value.len() <= 253 && value.split('.').all(is_label) {
        Ok(value.to_lowercase())
    } else {
        Err(bad(tag, "is not a domain name"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "v=1; a=rsa-sha256; c=relaxed; d=Shop.example; s=S1; h=From : to:\r\n from;\r\n bh=AQID; b= BAU\r\n\tG ; t=5; x=6; l=7; i=a b@x.shop.example; q=dns/txt:x; z=?";

    fn refused(from: &str, to: &str) -> String {
        assert!(GOOD.contains(from));
        parse(GOOD.replacen(from, to, 1).as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn all_tags() {
        let read = parse(GOOD.as_bytes()).unwrap();
        assert_eq!(
            read,
            MessageSignature {
                signature: Signature {
                    algorithm: Algorithm::RsaSha256,
                    value: vec![4, 5, 6],
                    value_span: GOOD.find(" BAU").unwrap()..GOOD.find("; t=").unwrap(),
                    domain: "shop.example".into(),
                    selector: "s1".into(),
                    timestamp: Some(5),
                },
                header: Canonicalization::Relaxed,
                body: Canonicalization::Simple,
                body_hash: vec![1, 2, 3],
                body_length: Some(7),
                signed: vec!["From".into(), "to".into(), "from".into()],
                identity: Some("ab@x.shop.example".into()),
                expires: Some(6),
            }
        );
        let least = parse(b"v=1;a=ed25519-sha256;d=a.b;s=s;h=from;bh=AQID;b=BAUG").unwrap();
        assert_eq!((least.header, least.body), (Canonicalization::Simple, Canonicalization::Simple));
        assert_eq!((least.body_length, least.expires, least.signature.timestamp), (None, None, None));
    }

    #[test]
    fn what_is_missing_or_bad_is_named() {
        for (from, to, error) in [
            ("v=1; ", "", "tag v= is missing"),
            ("a=rsa-sha256; ", "", "tag a= is missing"),
            (" d=Shop.example;", "", "tag d= is missing"),
            (" s=S1;", "", "tag s= is missing"),
            ("h=", "hh=", "tag h= is missing"),
            ("bh=AQID; ", "", "tag bh= is missing"),
            (" b=", " bb=", "tag b= is missing"),
            ("v=1", "v=2", "tag v= is not 1"),
            ("rsa-sha256", "rsa-md5", "nobody knows the algorithm \"rsa-md5\""),
            ("c=relaxed", "c=relaxed/strict", "tag c= is neither simple nor relaxed"),
            ("c=relaxed", "c=nowsp", "tag c= is neither simple nor relaxed"),
            ("Shop.example", "shop..example", "tag d= is not a domain name"),
            ("Shop.example", "shop example", "tag d= is not a domain name"),
            ("s=S1", "s=", "tag s= is not a domain name"),
            ("AQID", "AQI", "tag bh= is not Base64"),
            (" BAU\r\n\tG ", "", "tag b= is empty"),
            ("From :", ":", "tag h= has an empty name"),
            ("t=5", "t=-5", "tag t= is not a number"),
            ("x=6", "x=5", "tag x= is not later than t="),
            ("l=7", "l=7a", "tag l= is not a number"),
            ("i=a b@x", "i=x", "tag i= has no @"),
            ("dns/txt:x", "x", "tag q= does not have dns/txt, the only way to a key"),
            ("l=7", "t=7", "the field is no tag list: tag t= stands there more than once"),
        ] {
            assert_eq!(refused(from, to), error);
        }
        let long = [b"v=1; z=".as_slice(), &vec![b'x'; MAX_FIELD]].concat();
        assert_eq!(parse(&long), Err(SignatureError::TooLong(MAX_FIELD + 7)));
        assert!(parse(GOOD.replace("l=7", &format!("l={}", "9".repeat(76))).as_bytes()).is_ok());
    }

    proptest! {
        #[test]
        fn anything_can_be_read(value in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&value);
        }

        #[test]
        fn one_changed_byte_never_escapes_its_bounds(at in 0..GOOD.len(), byte in any::<u8>()) {
            let mut value = GOOD.as_bytes().to_vec();
            value[at] = byte;
            if let Ok(read) = parse(&value) {
                prop_assert!(value.get(read.signature.value_span.clone()).is_some());
                prop_assert!(!read.signed.is_empty() && !read.signature.value.is_empty());
            }
        }
    }
}
