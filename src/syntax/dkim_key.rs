//! DKIM keys as DNS publishes them (RFC 6376 §3.6.1): the TXT record at `selector._domainkey.domain`.
//!
//! ```text
//! v=DKIM1; k=rsa; h=sha256; s=email; t=y:s; n=notes; p=MIIBIjANBgkqhkiG...
//! ```
//!
//! An empty `p=` says that the key was withdrawn, which is not the same as no record. An RSA key is DER, wrapped (SubjectPublicKeyInfo, as `openssl`
//! writes it, RFC 5280 §4.1) or bare (RSAPublicKey, RFC 8017 §A.1.1); both are in use. An Ed25519 key is its 32 bytes alone (RFC 8463 §4).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use crate::syntax::tag_list::{TagList, TagListError, without_space, words};

/// Why a record is of no use.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// It is no tag list.
    #[error("it is no tag list: {0}")]
    Malformed(#[from] TagListError),
    /// It has a `v=` that is not the first tag, or not `DKIM1`: a record for something else (RFC 6376 §3.6.1).
    #[error("its v= is not DKIM1, or not the first tag")]
    Version,
    /// There is no `p=`.
    #[error("it has no p=")]
    NoKey,
    /// `k=` is neither `rsa` nor `ed25519`.
    #[error("nobody knows its key type k={0:?}")]
    UnknownType(String),
    /// `p=` is not Base64.
    #[error("its p= is not Base64")]
    NotBase64,
    /// `p=` is no RSA key.
    #[error("its p= is no RSA key")]
    NotRsa,
    /// `p=` does not have the 32 bytes of an Ed25519 key.
    #[error("its p= has {0} bytes, an Ed25519 key has 32")]
    NotEd25519(usize),
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// RSA: modulus and exponent, big-endian, without zeros before them.
    Rsa {
        /// The modulus.
        modulus: Vec<u8>,
        /// The exponent.
        exponent: Vec<u8>,
    },
    /// Ed25519.
    Ed25519([u8; 32]),
}

impl PublicKey {
    /// The word in `k=`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Rsa { .. } => "rsa",
            Self::Ed25519(_) => "ed25519",
        }
    }

    /// The length in bits.
    #[must_use]
    pub fn bits(&self) -> usize {
        match self {
            Self::Rsa { modulus, .. } => {
                let zeros = modulus.first().map_or(0, |byte| byte.leading_zeros());
                (modulus.len() * 8).saturating_sub(usize::try_from(zeros).unwrap_or(0))
            }
            Self::Ed25519(_) => 256,
        }
    }
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// `p=`; nothing where the key was withdrawn.
    pub key: Option<PublicKey>,
    /// `h=`: hashes that may be used with it; any where absent.
    pub hashes: Option<Vec<String>>,
    /// `s=`: services that it is for; any where absent.
    pub services: Option<Vec<String>>,
    /// `t=y`: the domain is testing, its mail is to be treated as if unsigned.
    pub testing: bool,
    /// `t=s`: the domain of `i=` must be that of `d=`, not one below.
    pub same_domain: bool,
    /// `n=`, for people.
    pub notes: Option<String>,
}

impl KeyRecord {
    /// Whether it may be used with that hash.
    #[must_use]
    pub fn allows_hash(&self, hash: &str) -> bool {
        self.hashes.as_ref().is_none_or(|hashes| hashes.iter().any(|allowed| allowed.eq_ignore_ascii_case(hash)))
    }

    /// Whether it may be used for e-mail.
    #[must_use]
    pub fn is_for_email(&self) -> bool {
        let is_mail = |service: &String| service == "*" || service.eq_ignore_ascii_case("email");
        self.services.as_ref().is_none_or(|services| services.iter().any(is_mail))
    }
}

/// Reads a record, its strings joined.
///
/// # Errors
/// When it is no DKIM key, or none that can be used.
pub fn parse(record: &[u8]) -> Result<KeyRecord, KeyError> {
    let tags = TagList::parse(record)?;
    if tags.tags().iter().enumerate().any(|(at, tag)| tag.name == "v" && (at > 0 || tag.value != "DKIM1")) {
        return Err(KeyError::Version);
    }
    let list = |name| tags.value(name).map(|value| words(value).map(str::to_owned).collect::<Vec<_>>());
    let flags = list("t").unwrap_or_default();
    let has = |flag: &str| flags.iter().any(|word| word.eq_ignore_ascii_case(flag));
    Ok(KeyRecord {
        key: key(tags.value("k").unwrap_or("rsa"), tags.value("p").ok_or(KeyError::NoKey)?)?,
        hashes: list("h"),
        services: list("s"),
        testing: has("y"),
        same_domain: has("s"),
        notes: tags.value("n").map(str::to_owned),
    })
}

fn key(kind: &str, value: &str) -> Result<Option<PublicKey>, KeyError> {
    let bytes = STANDARD.decode(without_space(value)).map_err(|_| KeyError::NotBase64)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    match kind.to_ascii_lowercase().as_str() {
        "rsa" => rsa(&bytes).map(Some).ok_or(KeyError::NotRsa),
        "ed25519" => <[u8; 32]>::try_from(bytes)
            .map(|key| Some(PublicKey::Ed25519(key)))
            .map_err(|b| KeyError::NotEd25519(b.len())),
        _ => Err(KeyError::UnknownType(kind.chars().take(40).collect())),
    }
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
/// The algorithm of an RSA key in a SubjectPublicKeyInfo: `rsaEncryption`, 1.2.840.113549.1.1.1 (RFC 8017 §A.1).
const RSA_ENCRYPTION: [u8; 11] = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

/// An RSA key, wrapped or bare, with an odd modulus and an odd exponent from 3 to 33 bits.
fn rsa(der: &[u8]) -> Option<PublicKey> {
    let inside = only(SEQUENCE, der)?;
    let pair = match element(SEQUENCE, inside) {
        Some((algorithm, rest)) => {
            algorithm.starts_with(&RSA_ENCRYPTION).then_some(())?;
            // The first byte of a bit string says how many bits are left over.
            only(SEQUENCE, only(BIT_STRING, rest)?.strip_prefix(&[0])?)?
        }
        None => inside,
    };
    let (modulus, rest) = element(INTEGER, pair)?;
    let (modulus, exponent) = (positive(modulus)?, positive(only(INTEGER, rest)?)?);
    let odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
    let fits = exponent.len() < 5 || matches!(exponent, [1, _, _, _, _]);
    (odd(modulus) && odd(exponent) && fits && exponent != [1])
        .then(|| PublicKey::Rsa { modulus: modulus.to_vec(), exponent: exponent.to_vec() })
}

/// A DER integer's bytes, where it is greater than zero.
fn positive(integer: &[u8]) -> Option<&[u8]> {
    match integer {
        [] | [0x80..=0xff, ..] => None,
        [0, rest @ ..] => rest.first().filter(|first| **first > 0).map(|_| rest),
        _ => Some(integer),
    }
}

/// The contents of the only element in `der`.
fn only(tag: u8, der: &[u8]) -> Option<&[u8]> {
    element(tag, der).filter(|(_, rest)| rest.is_empty()).map(|(contents, _)| contents)
}

/// The contents of the first element, and what follows it. Lengths up to two bytes: more than any key needs.
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = match der.strip_prefix(&[tag])? {
        [length @ 0..=0x7f, rest @ ..] => (usize::from(*length), rest),
        [0x81, length, rest @ ..] => (usize::from(*length), rest),
        [0x82, high, low, rest @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), rest),
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The key of RFC 6376 Appendix C: 1024 bits, wrapped.
    const WRAPPED: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFC\
        jxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB";

    fn bare() -> String {
        // 22 bytes of wrapping stand before the key proper.
        STANDARD.encode(&STANDARD.decode(WRAPPED).unwrap()[22..])
    }

    #[test]
    fn keys_in_both_forms() {
        let wrapped = parse(format!("v=DKIM1; p={WRAPPED}").as_bytes()).unwrap();
        let key = wrapped.key.clone().unwrap();
        assert_eq!((key.bits(), key.kind()), (1024, "rsa"));
        assert!(matches!(&key, PublicKey::Rsa { exponent, .. } if exponent == &[1, 0, 1]));
        assert_eq!(parse(format!("p={}", bare()).as_bytes()).unwrap(), wrapped);
        assert!(wrapped.allows_hash("sha1") && wrapped.is_for_email() && !wrapped.testing && !wrapped.same_domain);
        let ed25519 = parse(b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=").unwrap();
        assert_eq!(ed25519.key.map(|key| (key.bits(), key.kind())), Some((256, "ed25519")));
    }

    #[test]
    fn tags_limit_a_key() {
        let record = format!(
            "k=RSA; h=sha1 : x; s=tlsrpt; t=y:s; n=hello there; p={} {}",
            WRAPPED.split_at(50).0,
            WRAPPED.split_at(50).1
        );
        let record = parse(record.as_bytes()).unwrap();
        assert!(record.allows_hash("sha1") && !record.allows_hash("sha256") && !record.is_for_email());
        assert!(record.testing && record.same_domain);
        assert_eq!(record.notes.as_deref(), Some("hello there"));
        assert_eq!(parse(b"v=DKIM1; p=; s=*").map(|r| (r.is_for_email(), r.key)), Ok((true, None)));
    }

    #[test]
    fn what_is_no_key_is_explained() {
        for (record, error) in [
            ("v=spf1 -all", "its v= is not DKIM1, or not the first tag"),
            ("k=rsa; v=DKIM1; p=", "its v= is not DKIM1, or not the first tag"),
            ("v=DKIM1; k=rsa", "it has no p="),
            ("v=DKIM1; k=dsa; p=AAAA", "nobody knows its key type k=\"dsa\""),
            ("v=DKIM1; p=A*A", "its p= is not Base64"),
            ("v=DKIM1; p=AAAA", "its p= is no RSA key"),
            ("v=DKIM1; k=ed25519; p=AAAA", "its p= has 3 bytes, an Ed25519 key has 32"),
            ("v=DKIM1; p=AAAA; p=AAAA", "it is no tag list: tag p= stands there more than once"),
            ("", "it is no tag list: it is empty"),
        ] {
            assert_eq!(parse(record.as_bytes()).unwrap_err().to_string(), error, "{record}");
        }
    }

    #[test]
    fn damaged_der_is_no_key() {
        let der = STANDARD.decode(WRAPPED).unwrap();
        for length in 0..der.len() {
            assert_eq!(rsa(&der[..length]), None, "cut to {length}");
        }
        assert_eq!(rsa(&[der.as_slice(), &[0]].concat()), None, "something behind it");
        let mut even = der.clone();
        *even.last_mut().unwrap() = 0;
        assert_eq!(rsa(&even), None, "an even exponent");
    }

    proptest! {
        #[test]
        fn anything_can_be_read(record in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&record);
            let _ = rsa(&record);
        }

        #[test]
        fn one_changed_byte_is_no_panic(at in 0_usize..162, byte in any::<u8>()) {
            let mut der = STANDARD.decode(WRAPPED).unwrap();
            der[at] = byte;
            if let Some(key) = rsa(&der) {
                prop_assert!(key.bits() <= der.len() * 8);
            }
        }
    }
}
