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
    let (header, body) = split(message);
    let fields = fields(header);
    let names = signed_names(&fields, token_header);
    let hash = STANDARD.encode(digest::digest(&digest::SHA256, &relaxed_body(body)));
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

/// The header section with its last line end, and the body.
fn split(message: &[u8]) -> (&[u8], &[u8]) {
    let end = message.windows(4).position(|four| four == b"\r\n\r\n").map_or(message.len(), |at| at + 2);
    let (header, rest) = message.split_at_checked(end).unwrap_or((message, &[]));
    (header, rest.strip_prefix(b"\r\n").unwrap_or(rest))
}

/// The fields of a header section, each with its folds and without its last line end.
fn fields(header: &[u8]) -> Vec<Vec<u8>> {
    let mut fields: Vec<Vec<u8>> = Vec::new();
    for line in header.split_inclusive(|b| *b == b'\n') {
        match fields.last_mut() {
            Some(field) if line.starts_with(b" ") || line.starts_with(b"\t") => field.extend_from_slice(line),
            _ => fields.push(line.to_vec()),
        }
    }
    fields
}

fn name(field: &[u8]) -> &[u8] {
    field.split(|b| *b == b':').next().unwrap_or_default().trim_ascii_end()
}

/// What goes into `h=`: a field that the message has, once for each time it has it, and From once more.
fn signed_names(fields: &[Vec<u8>], token_header: &str) -> Vec<String> {
    let mut names = Vec::new();
    for wanted in SIGNED.into_iter().chain([token_header]) {
        let count = fields.iter().filter(|field| name(field).eq_ignore_ascii_case(wanted.as_bytes())).count();
        names.extend(std::iter::repeat_n(wanted.to_owned(), count));
    }
    names.push("From".into());
    names
}

/// The bytes that are signed (RFC 6376 §3.7): the named fields, the last of a name first (§5.4.2), and the signature field with an empty `b=`.
fn signing_input(fields: &[Vec<u8>], names: &[String], signature: &[u8]) -> Vec<u8> {
    let mut left: Vec<&Vec<u8>> = fields.iter().collect();
    let mut input = Vec::new();
    for wanted in names {
        if let Some(at) = left.iter().rposition(|field| name(field).eq_ignore_ascii_case(wanted.trim().as_bytes())) {
            input.extend_from_slice(&relaxed_field(left.remove(at)));
            input.extend_from_slice(b"\r\n");
        }
    }
    input.extend_from_slice(&relaxed_field(signature));
    input
}

/// RFC 6376 §3.4.2: the name in lower case, folds removed, white space collapsed.
fn relaxed_field(field: &[u8]) -> Vec<u8> {
    let mut out = name(field).to_ascii_lowercase();
    out.push(b':');
    let value = field.iter().position(|b| *b == b':').and_then(|at| field.get(at + 1..)).unwrap_or_default();
    let words: Vec<&[u8]> = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
    out.extend_from_slice(&words.join(&b' '));
    out
}

/// RFC 6376 §3.4.4: white space collapsed, none at line ends, no empty lines at the end.
fn relaxed_body(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut empty = 0;
    for line in body.split(|b| *b == b'\n') {
        let line = collapsed(line.strip_suffix(b"\r").unwrap_or(line));
        if line.is_empty() {
            empty += 1;
            continue;
        }
        out.extend(std::iter::repeat_n(*b"\r\n", std::mem::take(&mut empty)).flatten());
        out.extend_from_slice(&line);
        out.extend_from_slice(b"\r\n");
    }
    out
}

fn collapsed(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
    let mut blank = false;
    for byte in line {
        if matches!(byte, b' ' | b'\t') {
            blank = true;
            continue;
        }
        if std::mem::take(&mut blank) {
            out.push(b' ');
        }
        out.push(*byte);
    }
    out
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
