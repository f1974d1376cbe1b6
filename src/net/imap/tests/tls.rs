//! Implicit TLS and STARTTLS: whom we trust, and what is not believed before.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

use crate::model::{MailboxFault, TlsMode};
use crate::net::imap::tests::scripted::{Peer, Scripted, brief, patient, serve};
use crate::net::imap::{Fault, Imap};

/// An authority in a file of its own, which is removed with it.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: PathBuf,
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let file = std::env::temp_dir().join(format!("landfall-imap-{}-{name}.pem", std::process::id()));
        std::fs::write(&file, issuer.pem()).unwrap();
        Self { issuer, file }
    }

    /// What a server presents that has a certificate of this authority.
    fn server(&self, name: &str, expired: bool) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        if expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2020, 2, 1);
        }
        let leaf = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// Speaks TLS in the given mode, and then logs the client in.
async fn secured(tls: TlsMode, acceptor: TlsAcceptor) -> Scripted {
    let mut scripted = serve(Some(acceptor), async move |mut peer: Peer| {
        if tls != TlsMode::Implicit {
            peer.say("* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] hi\r\n").await;
            peer.answer("STARTTLS", "{tag} OK begin\r\n").await;
        }
        let Some(mut peer) = peer.secure().await else { return };
        if tls == TlsMode::Implicit {
            peer.say("* OK hi\r\n").await;
        }
        peer.answer("CAPABILITY", "* CAPABILITY IMAP4rev1\r\n{tag} OK done\r\n").await;
        peer.answer(r#"LOGIN "user" "secret""#, "{tag} OK [CAPABILITY IMAP4rev1 IDLE] in\r\n").await;
    })
    .await;
    scripted.server.server.tls = tls;
    scripted.server.server.server_name = Some("imap.test".into());
    scripted
}

async fn connected(mut scripted: Scripted, authority: &Authority) -> Result<Imap, Fault> {
    scripted.server.server.ca_file = Some(authority.file.clone());
    let connected = scripted.connect(patient()).await;
    scripted.done().await;
    connected
}

#[tokio::test]
async fn a_trusted_server_is_read_and_any_other_is_a_tls_fault() {
    for tls in [TlsMode::Implicit, TlsMode::StartTls] {
        let ours = Authority::new(&format!("ours-{}", tls.as_str()));
        let theirs = Authority::new(&format!("theirs-{}", tls.as_str()));
        let imap = connected(secured(tls, ours.server("imap.test", false)).await, &ours).await.unwrap();
        assert!(imap.capabilities().has("IDLE") && !imap.capabilities().has("LOGINDISABLED"));
        for (acceptor, what) in [
            (theirs.server("imap.test", false), "UnknownIssuer"),
            (ours.server("other.test", false), "not valid for name"),
            (ours.server("imap.test", true), "expired"),
        ] {
            let fault = connected(secured(tls, acceptor).await, &ours).await.unwrap_err();
            assert_eq!(fault.reason, MailboxFault::Tls);
            assert!(fault.detail.contains(what), "{fault}");
        }
    }
}

#[tokio::test]
async fn opportunistic_takes_any_certificate_and_goes_without() {
    let theirs = Authority::new("opportunistic");
    let scripted = secured(TlsMode::Opportunistic, theirs.server("other.test", true)).await;
    scripted.connect(patient()).await.unwrap();
    scripted.done().await;
    let mut scripted = serve(None, async |mut peer: Peer| peer.log_in("").await).await;
    scripted.server.server.tls = TlsMode::Opportunistic;
    scripted.connect(patient()).await.unwrap();
    scripted.done().await;
}

/// A server that behaves so in plain text, towards a client that wants STARTTLS.
async fn before_tls(greeting: &'static str, answer: &'static str) -> Fault {
    let mut scripted = serve(None, async move |mut peer: Peer| {
        peer.say(greeting).await;
        if !answer.is_empty() {
            peer.answer("STARTTLS", answer).await;
        }
        let rest = peer.line().await;
        assert!(!rest.contains("LOGIN"), "no password in plain text: {rest}");
    })
    .await;
    scripted.server.server.tls = TlsMode::StartTls;
    let fault = scripted.connect(patient()).await.unwrap_err();
    scripted.done().await;
    fault
}

#[tokio::test]
async fn starttls_cannot_be_talked_out_of() {
    let offer = "* OK [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n";
    for (greeting, answer, reason) in [
        ("* OK [CAPABILITY IMAP4rev1] no TLS here\r\n", "", MailboxFault::Tls),
        ("* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] come in\r\n", "", MailboxFault::Tls),
        (offer, "{tag} NO not now\r\n", MailboxFault::Tls),
        (offer, "{tag} BAD what\r\n", MailboxFault::Tls),
        (offer, "* BYE no\r\n", MailboxFault::Unavailable),
        // Response injection: what comes behind the OK would be read as the secured server's word.
        (offer, "{tag} OK begin\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nA1 OK\r\n", MailboxFault::Protocol),
        (offer, "{tag} OK begin\r\n* PREAU", MailboxFault::Protocol),
    ] {
        assert_eq!(before_tls(greeting, answer).await.reason, reason, "{greeting}{answer}");
    }
}

#[tokio::test]
async fn a_handshake_that_is_never_answered_times_out_and_plain_text_is_a_tls_fault() {
    let ours = Authority::new("silent");
    for (says, reason) in [("", MailboxFault::Timeout), ("* OK this is plain text\r\n", MailboxFault::Tls)] {
        let mut scripted = serve(None, async move |mut peer: Peer| {
            peer.say(says).await;
            peer.hang().await;
        })
        .await;
        scripted.server.server.tls = TlsMode::Implicit;
        scripted.server.server.ca_file = Some(ours.file.clone());
        let mut limits = brief();
        limits.connect = limits.command;
        assert_eq!(scripted.connect(limits).await.unwrap_err().reason, reason);
        scripted.done().await;
    }
}
