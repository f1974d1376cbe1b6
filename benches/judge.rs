//! What one verdict costs with its keys at hand: `cargo bench --bench judge`.

#![expect(clippy::unwrap_used, reason = "a benchmark without its messages has nothing to say")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use jiff::Timestamp;
use landfall::judge::dkim::{DkimResult, verify};
use landfall::judge::{Dns, NoAnswer};
use landfall::model::{
    DkimKey, Expectation, Identity, Lane, MessageSource, Secret, SecretError, SecretSource, Seed, SeedId, Token,
};
use landfall::probe::compose::compose;
use ring::signature::{Ed25519KeyPair, KeyPair as _, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::SecretString;
use tokio::runtime::{Builder, Runtime};

const RSA: &str = include_str!("../tests/data/dkim/rsa-2048.pem");
const ED25519: &str = include_str!("../tests/data/dkim/ed25519.pem");

fn main() {
    divan::main();
}

/// The one record, whatever is asked.
struct OneRecord(String);

impl Dns for OneRecord {
    async fn txt(&self, _: &str) -> Result<Vec<Vec<u8>>, NoAnswer> {
        Ok(vec![self.0.clone().into_bytes()])
    }

    async fn ipv4(&self, _: &str) -> Result<Vec<Ipv4Addr>, NoAnswer> {
        Err(NoAnswer::NxDomain)
    }

    async fn ipv6(&self, _: &str) -> Result<Vec<Ipv6Addr>, NoAnswer> {
        Err(NoAnswer::NxDomain)
    }

    async fn mx(&self, _: &str) -> Result<Vec<(u16, String)>, NoAnswer> {
        Err(NoAnswer::NxDomain)
    }

    async fn ptr(&self, _: IpAddr) -> Result<Vec<String>, NoAnswer> {
        Err(NoAnswer::NxDomain)
    }
}

#[derive(Debug)]
struct Pem(&'static str);

impl SecretSource for Pem {
    fn read(&self) -> Result<SecretString, SecretError> {
        Ok(self.0.into())
    }
}

fn now() -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap()
}

fn record(pem: &str) -> OneRecord {
    let der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap();
    let der = der.secret_der();
    OneRecord(match Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
        Ok(key) => format!("v=DKIM1; k=ed25519; p={}", STANDARD.encode(key.public_key().as_ref())),
        Err(_) => {
            let key = RsaKeyPair::from_pkcs8(der).unwrap();
            format!("v=DKIM1; p={}", STANDARD.encode(key.public_key().as_ref()))
        }
    })
}

/// A message with a body of that many bytes, signed as every seed is.
fn message(pem: &'static str, size: usize) -> Vec<u8> {
    let lane = Lane { probe: "p".into(), route: "r".into(), mailbox: "m".into() };
    let seed = Seed {
        id: SeedId::derive(&lane, 1),
        token: Token::parse("00112233445566778899aabbccddeeff").unwrap(),
        lane,
        provider: "generic".into(),
        expect: Expectation::default(),
        planned_at: now(),
        deadline: Duration::from_mins(30),
        patience: Duration::from_mins(60),
    };
    let key: Secret = Arc::new(Pem(pem));
    let identity = Identity {
        name: "good".into(),
        display_name: "Ann".into(),
        from: "ann@good.test".into(),
        envelope_from: "ann@good.test".into(),
        dkim: Some(DkimKey { domain: "good.test".into(), selector: "s1".into(), key }),
    };
    let line = "Thank you for your order; it is on its way to you now.\r\n";
    let header =
        "From: {{from}}\r\nTo: {{to}}\r\nSubject: Your invoice {{subject_suffix}}\r\nContent-Type: text/plain\r\n";
    let text = format!("{header}\r\n{}Reference: {{{{reference}}}}\r\n", line.repeat(size / line.len()));
    let source = MessageSource::Template(text.into());
    compose(&seed, &identity, "bob@there.test", &source, "X-Landfall-Seed", now()).unwrap().bytes
}

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

fn judge(bencher: Bencher<'_, '_>, pem: &'static str, size: usize) {
    let (dns, message, runtime) = (record(pem), message(pem, size), runtime());
    let verify = || runtime.block_on(verify(&dns, &message, now()));
    assert_eq!(verify().first().map(|verdict| verdict.result), Some(DkimResult::Pass));
    bencher.counter(ItemsCount::new(1_usize)).counter(BytesCount::new(message.len())).bench_local(verify);
}

/// A typical message of 5 KB.
#[divan::bench]
fn dkim_rsa_2048(bencher: Bencher<'_, '_>) {
    judge(bencher, RSA, 5_000);
}

/// The same, signed with Ed25519.
#[divan::bench]
fn dkim_ed25519(bencher: Bencher<'_, '_>) {
    judge(bencher, ED25519, 5_000);
}

/// A message of 50 MB.
#[divan::bench(sample_count = 5)]
fn dkim_50_mb(bencher: Bencher<'_, '_>) {
    judge(bencher, RSA, 50_000_000);
}
