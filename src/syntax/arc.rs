//! The signatures of ARC (RFC 8617 §4.1): every relay that changes a message and follows ARC adds a set of three fields with the same instance number `i=`.
//!
//! ```text
//! ARC-Authentication-Results: i=2; mx.list.example; dkim=pass ...   what the relay found before it changed the message
//! ARC-Message-Signature: i=2; a=rsa-sha256; h=...; bh=...; b=...    the message as it left, as in DKIM but without v=
//! ARC-Seal: i=2; a=rsa-sha256; cv=pass; d=...; s=...; b=...         all ARC fields so far; whether the chain held until here
//! ```

use crate::syntax::dkim_signature::{
    MessageSignature, Signature, SignatureError, message_signature, required, signature, tag_list,
};

/// The greatest instance number (RFC 8617 §4.2.1).
pub const MAX_INSTANCE: u32 = 50;

/// `cv=`: what the sealer found the chain to be when the message came to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainStatus {
    /// There was no chain: the sealer is the first.
    None,
    /// The chain held.
    Pass,
    /// The chain was broken, which nobody can mend any more.
    Fail,
}

impl ChainStatus {
    /// The word in `cv=`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pass => "pass",
            Self::Fail => "fail",
        }
    }
}

/// An ARC-Seal, read (RFC 8617 §4.1.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// `i=`.
    pub instance: u32,
    /// `cv=`.
    pub status: ChainStatus,
    /// Who sealed, and how.
    pub signature: Signature,
}

/// Reads the value of an ARC-Seal.
///
/// # Errors
/// When it is not one, with the tag at fault.
pub fn parse_seal(value: &[u8]) -> Result<Seal, SignatureError> {
    let tags = tag_list(value)?;
    let instance = instance(required(&tags, "i")?)?;
    let known = [ChainStatus::None, ChainStatus::Pass, ChainStatus::Fail];
    let status = required(&tags, "cv")?;
    let status = known
        .into_iter()
        .find(|known| known.as_str().eq_ignore_ascii_case(status))
        .ok_or(SignatureError::BadTag { tag: "cv", why: "is not none, pass or fail" })?;
    // RFC 8617 §4.1.3: a seal always covers the ARC fields and nothing else; one with `h=` fails.
    if tags.get("h").is_some() {
        return Err(SignatureError::BadTag { tag: "h", why: "must not be in a seal" });
    }
    Ok(Seal { instance, status, signature: signature(&tags)? })
}

/// Reads the value of an ARC-Message-Signature: its instance, and the signature.
///
/// # Errors
/// When it is not one, with the tag at fault.
pub fn parse_message_signature(value: &[u8]) -> Result<(u32, MessageSignature), SignatureError> {
    let tags = tag_list(value)?;
    let instance = instance(required(&tags, "i")?)?;
    let signature = message_signature(&tags)?;
    // RFC 8617 §4.1.2.
    if signature.signed.iter().any(|name| name.eq_ignore_ascii_case("arc-seal")) {
        return Err(SignatureError::BadTag { tag: "h", why: "must not name ARC-Seal" });
    }
    Ok((instance, signature))
}

fn instance(value: &str) -> Result<u32, SignatureError> {
    let number = Some(value).filter(|value| value.bytes().all(|byte| byte.is_ascii_digit()));
    let number = number.and_then(|value| value.parse().ok()).filter(|number| (1..=MAX_INSTANCE).contains(number));
    number.ok_or(SignatureError::BadTag { tag: "i", why: "is not a number from 1 to 50" })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SEAL: &str = "i=2; a=rsa-sha256; cv=PASS; d=list.test; s=s1; t=5; b=AQID";
    const SIGNATURE: &str = "i=50; a=rsa-sha256; d=list.test; s=s1; h=from:to; bh=AQID; b=AQID";

    #[test]
    fn seals_and_signatures() {
        let seal = parse_seal(SEAL.as_bytes()).unwrap();
        assert_eq!((seal.instance, seal.status, seal.signature.domain.as_str()), (2, ChainStatus::Pass, "list.test"));
        let (instance, signature) = parse_message_signature(SIGNATURE.as_bytes()).unwrap();
        assert_eq!((instance, signature.signed.len(), signature.identity), (50, 2, None));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (from, to, error) in [
            ("i=2; ", "", "tag i= is missing"),
            ("i=2", "i=0", "tag i= is not a number from 1 to 50"),
            ("i=2", "i=51", "tag i= is not a number from 1 to 50"),
            ("i=2", "i=+2", "tag i= is not a number from 1 to 50"),
            ("cv=PASS; ", "", "tag cv= is missing"),
            ("cv=PASS", "cv=ok", "tag cv= is not none, pass or fail"),
            ("t=5", "h=from", "tag h= must not be in a seal"),
            ("; b=AQID", "", "tag b= is missing"),
        ] {
            assert_eq!(parse_seal(SEAL.replace(from, to).as_bytes()).unwrap_err().to_string(), error);
        }
        let error = parse_message_signature(SIGNATURE.replace(":to", ":ARC-Seal").as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "tag h= must not name ARC-Seal");
    }

    proptest! {
        #[test]
        fn anything_can_be_read(value in proptest::collection::vec(any::<u8>(), 0..200), at in 0..SEAL.len(), byte in any::<u8>()) {
            let _ = parse_message_signature(&value);
            let mut seal = SEAL.as_bytes().to_vec();
            seal[at] = byte;
            if let Ok(seal) = parse_seal(&seal) {
                prop_assert!((1..=MAX_INSTANCE).contains(&seal.instance));
            }
        }
    }
}
