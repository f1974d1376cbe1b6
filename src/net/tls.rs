//! TLS to servers (RFC 8446), and whom to trust.
//!
//! A certificate is checked against the system's authorities, or against the user's own `ca_file` alone where one is given. MTAs
//! speaking to each other take any certificate (RFC 7435 §4): that is [`Trust::Anyone`], used by `tls: opportunistic` and direct-to-MX only.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::BuilderVerifierExt as _;
use thiserror::Error;

/// Whose certificates are taken.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Trust {
    /// Those the system's authorities vouch for.
    System,
    /// Those the authorities in this PEM file vouch for.
    File(PathBuf),
    /// Any.
    Anyone,
}

/// TLS could not be set up on this side.
#[derive(Debug, Error)]
pub enum TlsSetupError {
    /// The `ca_file` cannot be used.
    #[error("could not use the CA file {path}: {reason}")]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The library refused.
    #[error("could not set up TLS: {0}")]
    Setup(String),
}

/// Client configurations, one for each kind of trust, shared by all connections: they are what TLS costs in memory.
#[derive(Debug)]
pub struct Clients {
    provider: Arc<CryptoProvider>,
    known: Mutex<HashMap<Trust, Known>>,
}

#[derive(Debug)]
struct Known {
    /// When the `ca_file` was last changed.
    changed_at: Option<SystemTime>,
    config: Arc<ClientConfig>,
}

impl Default for Clients {
    fn default() -> Self {
        Self { provider: Arc::new(rustls::crypto::ring::default_provider()), known: Mutex::default() }
    }
}

impl Clients {
    /// The configuration for `trust`; a `ca_file` that changed since is read again.
    ///
    /// # Errors
    /// When the authorities cannot be read.
    pub fn get(&self, trust: &Trust) -> Result<Arc<ClientConfig>, TlsSetupError> {
        let changed_at = match trust {
            Trust::File(path) => Some(modified(path).map_err(|error| ca_file(path, &error))?),
            Trust::System | Trust::Anyone => None,
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(trust)
            && known.changed_at == changed_at
        {
            return Ok(known.config.clone());
        }
        let config = Arc::new(self.build(trust)?);
        known.insert(trust.clone(), Known { changed_at, config: config.clone() });
        Ok(config)
    }

    fn build(&self, trust: &Trust) -> Result<ClientConfig, TlsSetupError> {
        let setup = |error: rustls::Error| TlsSetupError::Setup(error.to_string());
        let builder = ClientConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(setup)?;
        Ok(match trust {
            Trust::System => builder.with_platform_verifier().map_err(setup)?.with_no_client_auth(),
            Trust::File(path) => builder.with_root_certificates(roots(path)?).with_no_client_auth(),
            Trust::Anyone => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Anyone(self.provider.clone())))
                .with_no_client_auth(),
        })
    }
}

fn modified(path: &Path) -> io::Result<SystemTime> {
    path.metadata()?.modified()
}

fn ca_file(path: &Path, reason: &dyn std::fmt::Display) -> TlsSetupError {
    TlsSetupError::CaFile { path: path.into(), reason: reason.to_string() }
}

fn roots(path: &Path) -> Result<RootCertStore, TlsSetupError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| ca_file(path, &error))? {
        let certificate = certificate.map_err(|error| ca_file(path, &error))?;
        roots.add(certificate).map_err(|error| ca_file(path, &error))?;
    }
    if roots.is_empty() {
        return Err(ca_file(path, &"it holds no certificate in PEM form"));
    }
    Ok(roots)
}

/// Takes any certificate, but only from whoever holds its key.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
