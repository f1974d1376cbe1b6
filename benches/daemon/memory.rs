//! What the daemon holds in memory while it waits: 10 mailboxes, and 500, all in IDLE over TLS.
//!
//! Each mailbox has had one seed, so that every part has done its work once, and then nothing happens for half a minute. The receiver is
//! another process: this program, started again. The daemon trusts the system's authorities and one more, as its users' daemons do.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

use crate::receiver::Receiver;
use crate::setup::{Daemon, Directory, Plan, until};

const IDLE: Duration = Duration::from_secs(30);
/// Where Debian and many others keep the system's authorities.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

pub fn run() -> io::Result<()> {
    let ten = measure(10)?;
    let many = measure(500)?;
    println!("  each of the 490 more costs       {:.1} KiB", (many - ten) / 490.0);
    Ok(())
}

/// Prints what `mailboxes` mailboxes cost, and gives the resident memory in KiB.
fn measure(mailboxes: u16) -> io::Result<f64> {
    let directory = Directory::new("memory")?;
    let receiver = Other::start(&directory.0)?;
    let plan = Plan { mailboxes: mailboxes.into(), smtp: receiver.smtp, imap: receiver.imap, tls: true, every: "7d" };
    let config = directory.0.join("landfall.yaml");
    fs::write(&config, plan.config(&directory))?;
    let daemon = Daemon::start(&config, &[("SSL_CERT_FILE", directory.0.join("authorities.pem"))])?;
    let wanted = u64::from(mailboxes);
    until("every mailbox to be read and every seed to settle", Duration::from_millis(200), || {
        daemon.sum("landfall_mailbox_up{", "").is_ok_and(|up| up == wanted)
            && daemon.sum("landfall_seeds_settled_total{", "outcome=\"inbox\"").is_ok_and(|settled| settled == wanted)
    })?;
    std::thread::sleep(IDLE);
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.child.id()))?;
    let of = |field: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.and_then(|value| value.split_whitespace().next()?.parse::<u32>().ok()).map_or(f64::NAN, f64::from)
    };
    let mib = |field| of(field) / 1024.0;
    println!(
        "memory, {mailboxes} mailboxes idle in TLS: {:.1} MiB resident (own {:.1}, of files {:.1}; highest {:.1}), {} threads",
        mib("VmRSS"),
        mib("RssAnon"),
        mib("RssFile"),
        mib("VmHWM"),
        of("Threads")
    );
    let resident = of("VmRSS");
    daemon.stop()?;
    Ok(resident)
}

/// The receiver in another process. It ends when its standard input does.
struct Other {
    child: Child,
    smtp: SocketAddr,
    imap: SocketAddr,
}

impl Other {
    fn start(directory: &Path) -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("--receiver")
            .arg(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?).read_line(&mut line)?;
        let (smtp, imap) = line.trim().split_once(' ').ok_or(io::ErrorKind::InvalidData)?;
        Ok(Self { child, smtp: smtp.parse().map_err(io::Error::other)?, imap: imap.parse().map_err(io::Error::other)? })
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // An error means that it has ended.
        drop(self.child.wait());
    }
}

/// The other process: writes the authorities into `directory`, tells its ports, and serves until its standard input ends.
pub fn receive(directory: PathBuf) -> io::Result<()> {
    let receiver = Receiver::start(Duration::ZERO, Some(acceptor(&directory).map_err(io::Error::other)?))?;
    println!("{} {}", receiver.smtp, receiver.imap);
    io::stdin().read_to_end(&mut Vec::new()).map(drop)
}

fn acceptor(directory: &Path) -> Result<TlsAcceptor, Box<dyn std::error::Error + Send + Sync>> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, "Landfall bench");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    // Without the system's authorities the figure is lower by what they cost.
    let system = fs::read_to_string(AUTHORITIES).unwrap_or_default();
    fs::write(directory.join("authorities.pem"), format!("{}{system}", issuer.pem()))?;
    let key = KeyPair::generate()?;
    let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()])?.signed_by(&key, &issuer)?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
