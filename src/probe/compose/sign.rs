//! DKIM signatures (RFC 6376), with RSA or Ed25519 (RFC 8463), relaxed in header and body.
//!
//! A signature covers a hash of the body and the header fields that it names, each in a canonical form that survives what relays do to white
//! space. It names From twice: the second stands for "and no other", so that nobody can add one above ours (RFC 6376 §8.15). The
//! receiver finds the public key in DNS, in the TXT record of `selector._domainkey.domain`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use ring::digest;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::ExposeSecret as _;
use thiserror::Error;

use crate::model::{DkimKey, SecretError};
use crate::syntax::canonical::Canonicalization::Relaxed;
use crate::syntax::canonical::{Pieces, name, pieces};

/// Why a message could not be signed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SignError {
    /// The key could not be read.
    #[error("{0}")]
    Unreadable(#[from] SecretError),
    /// The key is of no use for DKIM; says what it is and what is needed.
    #[error("the DKIM key for {domain} {reason}")]
    Key {
        /// The signing domain.
        domain: String,
        /// What is wrong with the key.
        reason: String,
    },
}

/// Fields that are signed where the message has them. The token's header and a second From are added.
const SIGNED: [&str; 9] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Reply-To",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
];

/// `message` with a DKIM-Signature field before it.
pub(super) fn sign(message: &[u8], key: &DkimKey, token_header: &str, now: Timestamp) -> Result<Vec<u8>, SignError> {
    let secret = key.key.read()?;
    let signer = Signer::from_pem(secret.expose_secret())
        .map_err(|reason| SignError::Key { domain: key.domain.clone(), reason })?;
    let Pieces { fields, body } = pieces(message);
    let names = signed_names(&fields, token_header);
    let hash = body_hash(body);
    let unsigned = format!(
        "DKIM-Signature: v=1; a={}; c=relaxed/relaxed;\r\n\td={}; s={}; t={};\r\n\th={};\r\n\tbh={hash};\r\n\tb=",
        signer.algorithm(),
        key.domain,
        key.selector,
        now.as_second(),
        packed(&names),
    );
    let input = signing_input(&fields, &names, unsigned.as_bytes());
    let signature = signer.sign(&input).map_err(|reason| SignError::Key { domain: key.domain.clone(), reason })?;
    let mut out = format!("{unsigned}{}\r\n", folded(&STANDARD.encode(signature))).into_bytes();
    out.extend_from_slice(message);
    Ok(out)
}

/// What goes into `bh=`.
fn body_hash(body: &[u8]) -> String {
    let mut hash = digest::Context::new(&digest::SHA256);
    Relaxed.body(body, |piece| hash.update(piece));
    STANDARD.encode(hash.finish())
}

/// A private key.
enum Signer {
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    fn from_pem(pem: &str) -> Result<Self, String> {
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| "is not a private key in PEM form (an encrypted one must be decrypted first)".to_owned())?;
        let rejected = |error: ring::error::KeyRejected| format!("was rejected: {error}; RSA needs at least 2048 bits");
        match key {
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()).map(Self::Rsa).map_err(rejected),
            PrivateKeyDer::Pkcs8(der) => {
                let der = der.secret_pkcs8_der();
                // OpenSSL writes Ed25519 keys without their public half.
                Ed25519KeyPair::from_pkcs8_maybe_unchecked(der)
                    .map(Self::Ed25519)
                    .or_else(|_| RsaKeyPair::from_pkcs8(der).map(Self::Rsa))
                    .map_err(rejected)
            }
            _ => Err("is neither RSA nor Ed25519".into()),
        }
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "rsa-sha256",
            Self::Ed25519(_) => "ed25519-sha256",
        }
    }

    fn sign(&self, input: &[u8]) -> Result<Vec<u8>, String> {
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input, &mut signature)
                    .map_err(|_| "could not be used".to_owned())?;
                Ok(signature)
            }
            // RFC 8463 §3: Ed25519 signs the hash, not the text.
            Self::Ed25519(key) => Ok(key.sign(digest::digest(&digest::SHA256, input).as_ref()).as_ref().to_vec()),
        }
    }
}

/// What goes into `h=`: a field that the message has, once for each time it has it, and From once more.
fn signed_names(fields: &[&[u8]], token_header: &str) -> Vec<String> {
    let mut names = Vec::new();
    for wanted in SIGNED.into_iter().chain([token_header]) {
        let count = fields.iter().filter(|field| name(field).eq_ignore_ascii_case(wanted.as_bytes())).count();
        names.extend(std::iter::repeat_n(wanted.to_owned(), count));
    }
    names.push("From".into());
    names
}

/// The bytes that are signed (RFC 6376 §3.7): the named fields, the last of a name first (§5.4.2), and the signature field with an empty `b=`.
fn signing_input(fields: &[&[u8]], names: &[String], signature: &[u8]) -> Vec<u8> {
    let mut left = fields.to_vec();
    let mut input = Vec::new();
    for wanted in names {
        if let Some(at) = left.iter().rposition(|field| name(field).eq_ignore_ascii_case(wanted.trim().as_bytes())) {
            input.extend_from_slice(&Relaxed.field(left.remove(at)));
            input.extend_from_slice(b"\r\n");
        }
    }
    input.extend_from_slice(&Relaxed.field(signature));
    input
}

/// Names with colons between, as many on a line as fit.
fn packed(names: &[String]) -> String {
    let mut out = String::new();
    let mut width = 0;
    for name in names {
        if !out.is_empty() {
            out.push(':');
        }
        if width > 0 && width + name.len() > 70 {
            out.push_str("\r\n\t ");
            width = 0;
        }
        out.push_str(name);
        width += name.len() + 1;
    }
    out
}

/// Base64 in lines of 72 characters, as folds of a header field.
fn folded(base64: &str) -> String {
    let lines: Vec<_> = base64.as_bytes().chunks(72).map(String::from_utf8_lossy).collect();
    lines.join("\r\n\t ")
}

#[cfg(test)]
pub(super) mod tests;
