//! Securing the connection, in every mode.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;

use super::server::{Do, Script, say};
use super::*;

/// A certificate authority with its file, which is removed with it.
pub struct Authority {
    pub file: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new() -> Self {
        let name = crate::clock::Rng::system().bytes().unwrap().map(|byte| format!("{byte:02x}")).concat();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name.as_str());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        let file = std::env::temp_dir().join(format!("landfall-ca-{name}.pem"));
        std::fs::write(&file, pem).unwrap();
        Self { file, issuer: Issuer::new(params, key) }
    }

    /// A server's configuration with a certificate for `name`.
    pub fn server(&self, name: &str, not_after: i32) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(not_after, 1, 1);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap())
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        // A file that is left behind in the temporary directory fails no test.
        let _ = std::fs::remove_file(&self.file);
    }
}

#[tokio::test]
async fn a_trusted_certificate_secures_both_ways() {
    let ca = Authority::new();
    let script = Script::default().implicit(ca.server("127.0.0.1", 2099));
    let server = script.serve().await;
    let attempt = Case::new(server.port, TlsMode::Implicit).trusting(ca.file.clone()).run().await;
    assert_eq!(brief(&attempt.handoff), "accepted 250 4ABC");
    server.hears("QUIT").await;

    let server = Script::default().with_tls(ca.server("127.0.0.1", 2099)).offering(&["STARTTLS"]).serve().await;
    let attempt = Case::new(server.port, TlsMode::StartTls).trusting(ca.file.clone()).run().await;
    assert_eq!(brief(&attempt.handoff), "accepted 250 4ABC");
    let phases: Vec<_> = attempt.timings.iter().map(|(phase, _)| phase).collect();
    assert_eq!(phases, [Phase::Connect, Phase::Tls, Phase::Envelope, Phase::Data]);
    let hellos = server.heard().iter().filter(|line| line.starts_with("EHLO")).count();
    assert_eq!(hellos, 2, "what was offered before STARTTLS counts no more");
}

#[tokio::test]
async fn a_name_that_differs_from_the_host_can_be_configured() {
    let ca = Authority::new();
    let server = Script::default().implicit(ca.server("relay.example", 2099)).serve().await;
    let mut case = Case::new(server.port, TlsMode::Implicit).trusting(ca.file.clone());
    case.server.server_name = Some("relay.example".into());
    assert_eq!(brief(&case.handoff().await), "accepted 250 4ABC");
}

#[tokio::test]
async fn certificates_that_do_not_hold_are_a_tls_failure_with_the_reason() {
    let (ca, other) = (Authority::new(), Authority::new());
    for (config, reason) in [
        (other.server("127.0.0.1", 2099), "UnknownIssuer"),
        (ca.server("other.example", 2099), "not valid for name"),
        (ca.server("127.0.0.1", 2001), "expired"),
    ] {
        for (tls, script) in [
            (TlsMode::Implicit, Script::default().implicit(config.clone())),
            (TlsMode::StartTls, Script::default().with_tls(config).offering(&["STARTTLS"])),
        ] {
            let server = script.serve().await;
            let handoff = Case::new(server.port, tls).trusting(ca.file.clone()).handoff().await;
            assert_eq!(brief(&handoff), "tls tls", "{reason}");
            assert!(detail(&handoff).contains(reason), "{handoff:?}");
            assert!(!server.heard().iter().any(|line| line.starts_with("MAIL")));
        }
    }
}

#[tokio::test]
async fn a_demanded_starttls_must_be_offered_and_work() {
    let ca = Authority::new();
    for (script, expected) in [
        (Script::default(), "tls tls"),
        (Script::default().at("EHLO", say("502 no\n")), "tls tls"),
        (Script::default().offering(&["STARTTLS"]).at("STARTTLS", say("454 4.7.0 not now\n")), "deferred 454 StartTls"),
        (Script::default().offering(&["STARTTLS"]).at("STARTTLS", say("502 no\n")), "refused 502 StartTls"),
        (Script::default().offering(&["STARTTLS"]).at("STARTTLS", Do::Drop), "tcp tls"),
        (Script::default().offering(&["STARTTLS"]).at("STARTTLS", say("what\n")), "protocol tls"),
        // It says yes, and then hangs up instead of shaking hands.
        (Script::default().offering(&["STARTTLS"]), "tls tls"),
    ] {
        let server = script.serve().await;
        let case = Case::new(server.port, TlsMode::StartTls).trusting(ca.file.clone());
        assert_eq!(brief(&case.handoff().await), expected);
        assert!(!server.heard().iter().any(|line| line.starts_with("MAIL")), "nothing goes out in the clear");
    }
}

#[tokio::test]
async fn plain_text_before_the_handshake_is_an_attack() {
    let ca = Authority::new();
    let injected = say("220 go ahead\n250 injected\n");
    let script =
        Script::default().with_tls(ca.server("127.0.0.1", 2099)).offering(&["STARTTLS"]).at("STARTTLS", injected);
    for tls in [TlsMode::StartTls, TlsMode::Opportunistic] {
        let server = script.clone().serve().await;
        let handoff = Case::new(server.port, tls).trusting(ca.file.clone()).handoff().await;
        assert_eq!(brief(&handoff), "protocol tls");
        assert!(detail(&handoff).contains("out of turn"));
    }
}

#[tokio::test]
async fn opportunistic_takes_what_it_gets() {
    let ca = Authority::new();
    let untrusted = || Script::default().with_tls(ca.server("other.example", 2001)).offering(&["STARTTLS"]);
    for (script, connections, hellos) in [
        // Secured, whatever the certificate says.
        (untrusted(), 1, 2),
        // Not offered, or refused: goes on in the clear.
        (Script::default(), 1, 1),
        (untrusted().at("STARTTLS", say("454 not now\n")), 1, 1),
        (untrusted().at("STARTTLS", say("502 no\n")), 1, 1),
        // The handshake fails: again, in the clear.
        (Script::default().offering(&["STARTTLS"]), 2, 2),
    ] {
        let server = script.serve().await;
        assert_eq!(brief(&Case::new(server.port, TlsMode::Opportunistic).handoff().await), "accepted 250 4ABC");
        let heard = server.heard();
        let count = |start: &str| heard.iter().filter(|line| line.starts_with(start)).count();
        assert_eq!((count("connected"), count("EHLO")), (connections, hellos));
    }
}

#[tokio::test]
async fn opportunistic_never_sends_a_password_in_the_clear() {
    let ca = Authority::new();
    let secured = Script::default().with_tls(ca.server("x.example", 2099)).offering(&["STARTTLS", "AUTH PLAIN"]);
    for (script, expected) in [
        (secured, "accepted 250 4ABC"),
        (Script::default().offering(&["AUTH PLAIN"]), "auth auth"),
        (Script::default().offering(&["STARTTLS", "AUTH PLAIN"]), "auth auth"),
    ] {
        let server = script.serve().await;
        let mut case = Case::new(server.port, TlsMode::Opportunistic);
        case.credentials = Some(auth::credentials());
        assert_eq!(brief(&case.handoff().await), expected);
        let told = server.heard().iter().any(|line| line.starts_with("AUTH"));
        assert_eq!(told, expected.starts_with("accepted"));
    }
}

#[tokio::test]
async fn a_ca_file_that_cannot_be_read_is_named() {
    let server = Script::default().serve().await;
    let handoff = Case::new(server.port, TlsMode::Implicit).trusting("/nonexistent/ca.pem".into()).handoff().await;
    assert_eq!(brief(&handoff), "tls tls");
    assert!(detail(&handoff).contains("/nonexistent/ca.pem"));
}

#[tokio::test]
async fn a_handshake_that_stalls_times_out() {
    let server = Script::default().at("greeting", Do::Stall).serve().await;
    let ca = Authority::new();
    let mut case = Case::new(server.port, TlsMode::Implicit).trusting(ca.file.clone());
    case.limits.connect = Duration::from_millis(200);
    assert_eq!(brief(&case.handoff().await), "timeout tls");
}
