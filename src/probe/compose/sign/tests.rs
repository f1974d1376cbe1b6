//! Signatures against the vectors of RFC 8463 and keys of every kind.

use std::sync::Arc;

use ring::signature::{ED25519 as ED25519_VERIFY, KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use secrecy::SecretString;

use super::*;
use crate::model::{Secret, SecretSource};

/// The key of RFC 8463 A.2, as `openssl` writes it.
pub const ED25519: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
";
/// Made for this test.
const RSA: &str = include_str!("rsa.pem");

/// The signed message of RFC 8463 A.3, without the end of its `b=`.
const FOOTBALL: &str = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n d=football.example.com; i=@football.example.com;\r\n \
    q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n subject : date : message-id : from : subject : date;\r\n \
    bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n b=";
const FOOTBALL_SIGNATURE: &str =
    "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==";
const FOOTBALL_HEADER: &str = "From: Joe SixPack <joe@football.example.com>\r\nTo: Suzie Q <suzie@shopping.example.net>\r\n\
    Subject: Is dinner ready?\r\nDate: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n\
    Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n";
const FOOTBALL_BODY: &str = "Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";

#[derive(Debug)]
struct Given(String);

impl SecretSource for Given {
    fn read(&self) -> Result<SecretString, SecretError> {
        Ok(self.0.clone().into())
    }
}

fn key(pem: &str) -> DkimKey {
    let key: Secret = Arc::new(Given(pem.into()));
    DkimKey { domain: "shop.example".into(), selector: "s1".into(), key }
}

fn signed(pem: &str, message: &str) -> Result<String, SignError> {
    let signed =
        sign(message.as_bytes(), &key(pem), "X-Landfall-Seed", Timestamp::from_second(1_700_000_000).unwrap())?;
    Ok(String::from_utf8(signed).unwrap())
}

fn pkcs1(pkcs8: &str) -> String {
    let base64: String = pkcs8.lines().filter(|line| !line.starts_with('-')).collect();
    // An RSA key in PKCS#8 is one in PKCS#1 after 26 bytes that say so.
    let der = STANDARD.decode(base64).unwrap()[26..].to_vec();
    format!("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n", STANDARD.encode(der))
}

#[test]
fn the_example_of_rfc_8463_is_signed_as_it_says() {
    assert_eq!(body_hash(FOOTBALL_BODY.as_bytes()), "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=");
    let names = ["from", "to", "subject", "date", "message-id", "from", "subject", "date"].map(String::from);
    let input = signing_input(&pieces(FOOTBALL_HEADER.as_bytes()).fields, &names, FOOTBALL.as_bytes());
    let signature = Signer::from_pem(ED25519).unwrap().sign(&input).unwrap();
    assert_eq!(STANDARD.encode(signature), FOOTBALL_SIGNATURE);
}

#[test]
fn from_is_signed_once_more_than_it_is_there_and_other_fields_as_often() {
    let message = "From: a@b\r\nTo: c@d\r\nX-Other: 1\r\nSubject: s\r\nX-Landfall-Seed: 0\r\n\r\nhi\r\n";
    let text = signed(ED25519, message).unwrap();
    let (signature, rest) = text.split_at(text.find("\r\nFrom:").unwrap() + 2);
    assert_eq!(rest, message);
    let flat = signature.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("t=1700000000; h=From:To:Subject:X-Landfall-Seed:From; bh="), "{flat}");
    assert!(signature.lines().all(|line| line.len() <= 78), "{signature}");
}

/// Checks a signature the way a receiver does: from the message alone, with the public key.
fn verify(text: &str, verifies: impl Fn(&[u8], &[u8]) -> bool) -> bool {
    let Pieces { mut fields, body } = pieces(text.as_bytes());
    let field = str::from_utf8(fields.remove(0)).unwrap();
    let tag = |name: &str| {
        let value = field.split(';').find_map(|tag| tag.trim().strip_prefix(name)?.strip_prefix('=')).unwrap();
        value.split_ascii_whitespace().collect::<String>()
    };
    let names: Vec<_> = tag("h").split(':').map(String::from).collect();
    let unsigned = &field.as_bytes()[..field.find("\tb=").unwrap() + 3];
    body_hash(body) == tag("bh")
        && verifies(&signing_input(&fields, &names, unsigned), &STANDARD.decode(tag("b")).unwrap())
}

#[test]
fn signatures_verify_and_tampered_messages_do_not() {
    let message = "From: a@b\r\nTo: c@d\r\nSubject: s\r\n t\r\nX-Landfall-Seed: 0\r\n\r\nhi  there\r\n\r\n";
    let Signer::Ed25519(ed25519) = Signer::from_pem(ED25519).unwrap() else { panic!() };
    let ed25519_verifies = |input: &[u8], signature: &[u8]| {
        let hash = digest::digest(&digest::SHA256, input);
        UnparsedPublicKey::new(&ED25519_VERIFY, ed25519.public_key()).verify(hash.as_ref(), signature).is_ok()
    };
    let Signer::Rsa(rsa) = Signer::from_pem(RSA).unwrap() else { panic!() };
    let rsa_verifies = |input: &[u8], signature: &[u8]| {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, rsa.public_key().as_ref()).verify(input, signature).is_ok()
    };
    let by_ed25519 = signed(ED25519, message).unwrap();
    let by_rsa = signed(RSA, message).unwrap();
    assert_eq!(by_rsa, signed(&pkcs1(RSA), message).unwrap(), "the form of the key file makes no difference");
    assert!(by_rsa.contains("a=rsa-sha256"));
    for (text, verifies) in [(by_ed25519, &ed25519_verifies as &dyn Fn(&[u8], &[u8]) -> bool), (by_rsa, &rsa_verifies)]
    {
        assert!(verify(&text, verifies));
        // What relays may do: other white space, an empty line more.
        assert!(verify(&text.replace("hi  there", "hi \t there ").replace("s\r\n t", "s   t"), verifies));
        for (from, to) in
            [("hi", "ho"), ("From: a@b", "From: e@b"), ("c@d\r\n", "c@d\r\nFrom: e@b\r\n"), ("Seed: 0", "Seed: 1")]
        {
            assert!(!verify(&text.replace(from, to), verifies), "{from} -> {to}");
        }
    }
}

#[test]
fn keys_that_cannot_be_used_are_explained() {
    let ec = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIA==\n-----END EC PRIVATE KEY-----\n";
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMHcCAQEEIA==\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let broken = "-----BEGIN PRIVATE KEY-----\nMHcCAQEEIA==\n-----END PRIVATE KEY-----\n";
    for (pem, reason) in [
        ("", "is not a private key in PEM form"),
        (encrypted, "an encrypted one must be decrypted first"),
        (ec, "is neither RSA nor Ed25519"),
        (broken, "was rejected"),
        (include_str!("rsa-1024.pem"), "was rejected: TooSmall; RSA needs at least 2048 bits"),
    ] {
        let error = signed(pem, "From: a@b\r\n\r\n").unwrap_err().to_string();
        assert!(error.starts_with("the DKIM key for shop.example ") && error.contains(reason), "{error}");
    }
}
