//! Signs whatever a test asks for.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;

use crate::judge::dkim::Subject;
use crate::syntax::dkim_signature::{message_signature, tag_list};

/// A key pair.
pub(in crate::judge) enum Key {
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Key {
    pub fn rsa() -> Self {
        Self::from_pem(include_str!("../../../../tests/data/dkim/rsa-2048.pem"))
    }

    pub fn ed25519() -> Self {
        Self::from_pem(include_str!("../../../../tests/data/dkim/ed25519.pem"))
    }

    fn from_pem(pem: &str) -> Self {
        let PrivateKeyDer::Pkcs8(der) = PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap() else { panic!() };
        let der = der.secret_pkcs8_der();
        match Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
            Ok(key) => Self::Ed25519(key),
            Err(_) => Self::Rsa(RsaKeyPair::from_pkcs8(der).unwrap()),
        }
    }

    /// `k=` and `p=`; an RSA key in its bare form.
    pub fn record(&self) -> String {
        match self {
            Self::Rsa(key) => format!("k=rsa; p={}", STANDARD.encode(key.public_key().as_ref())),
            Self::Ed25519(key) => format!("k=ed25519; p={}", STANDARD.encode(key.public_key().as_ref())),
        }
    }

    fn sign(&self, input: &[u8]) -> String {
        STANDARD.encode(match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input, &mut signature).unwrap();
                signature
            }
            Self::Ed25519(key) => key.sign(digest(&SHA256, input).as_ref()).as_ref().to_vec(),
        })
    }
}

/// `message` with a field on top whose value is `tags`, where `@BH` stands for the body's hash and `@B` for the signature.
pub(in crate::judge) fn signed(field: &str, tags: &str, key: &Key, message: &str) -> String {
    let field = format!("{field}: {}\r\n", tags.replace("@BH", &body_hash(tags, message)));
    let draft = field.replace("@B", "AAAA") + message;
    let subject = Subject::new(draft.as_bytes(), true);
    let signature = message_signature(&tag_list(subject.value(0)).unwrap()).unwrap();
    field.replace("@B", &key.sign(&subject.signed_bytes(&signature, 0))) + message
}

/// The same for an ARC-Seal: `sealed` gives what is signed, from the message with the unsigned seal on top.
pub(in crate::judge) fn seal(
    tags: &str,
    key: &Key,
    message: &str,
    sealed: impl FnOnce(&Subject<'_>, Range<usize>) -> Vec<u8>,
) -> String {
    let draft = format!("ARC-Seal: {}\r\n{message}", tags.replace("@B", "AAAA"));
    let subject = Subject::new(draft.as_bytes(), true);
    let span = tag_list(subject.value(0)).unwrap().get("b").unwrap().span.clone();
    format!("ARC-Seal: {}\r\n{message}", tags.replace("@B", &key.sign(&sealed(&subject, span))))
}

fn body_hash(tags: &str, message: &str) -> String {
    let draft = tags.replace("@BH", "AAAA").replace("@B", "AAAA");
    let signature = message_signature(&tag_list(draft.as_bytes()).unwrap()).unwrap();
    let body = message.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let mut canonical = Vec::new();
    signature.body.body(body.as_bytes(), |piece| canonical.extend_from_slice(piece));
    canonical.truncate(signature.body_length.map_or(usize::MAX, |length| usize::try_from(length).unwrap()));
    let sha1 = signature.signature.algorithm.hash() == "sha1";
    let mut context = Context::new(if sha1 { &SHA1_FOR_LEGACY_USE_ONLY } else { &SHA256 });
    context.update(&canonical);
    STANDARD.encode(context.finish())
}
