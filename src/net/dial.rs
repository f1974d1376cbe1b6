//! From an endpoint to a connection: resolve, connect, and shake hands when the protocol says so.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rustls::pki_types::ServerName;
use thiserror::Error;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use crate::model::{Endpoint, TlsMode};
use crate::net::dns::{DnsError, Resolver};
use crate::net::tls::{Clients, Trust};

/// A connection, plain or secured.
pub type Stream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// How many addresses of one host are tried: more would only make whoever waits for the answer wait longer.
const ADDRESSES: usize = 8;

/// Opens connections. One for the whole daemon, behind an `Arc`.
#[derive(Debug)]
pub struct Dialer {
    resolver: Resolver,
    clients: Clients,
}

/// Why there is no connection, by the step that failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DialError {
    /// The name did not resolve.
    #[error("{0}")]
    Dns(#[from] DnsError),
    /// No address could be connected to.
    #[error("could not connect to {0}: {1}")]
    Tcp(String, String),
    /// The handshake failed, or the certificate is not trusted.
    #[error("could not secure the connection to {0}: {1}")]
    Tls(String, String),
    /// A step took too long.
    #[error("{0} did not answer within {1:?}")]
    Timeout(String, Duration),
}

impl Dialer {
    /// A dialer that resolves names with `resolver`.
    #[must_use]
    pub fn new(resolver: Resolver) -> Self {
        Self { resolver, clients: Clients::default() }
    }

    /// The resolver it uses.
    #[must_use]
    pub fn resolver(&self) -> &Resolver {
        &self.resolver
    }

    /// Resolves the endpoint's host and opens a TCP connection to the first address that answers, of those that can be reached from the
    /// endpoint's source. Each address gets `limit`, and at most eight are tried.
    ///
    /// # Errors
    /// When the name does not resolve or no address answers.
    pub async fn connect(&self, endpoint: &Endpoint, limit: Duration) -> Result<TcpStream, DialError> {
        let addresses = timeout(limit, self.resolver.addresses(&endpoint.host)).await.map_err(|_| {
            DialError::Dns(DnsError::Failed(endpoint.host.clone(), format!("no answer within {limit:?}")))
        })??;
        let mut failure = DialError::Tcp(
            endpoint.host.clone(),
            "it has no address that can be reached from the source address".into(),
        );
        let usable = |address: &IpAddr| endpoint.source.is_none_or(|source| source.is_ipv4() == address.is_ipv4());
        for address in addresses.into_iter().filter(usable).take(ADDRESSES) {
            let to = SocketAddr::new(address, endpoint.port);
            failure = match timeout(limit, connect(to, endpoint.source)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => DialError::Tcp(place(endpoint, to), error.to_string()),
                Err(_) => DialError::Timeout(place(endpoint, to), limit),
            };
        }
        Err(failure)
    }

    /// Shakes hands over `stream`. Whom to trust follows from the endpoint.
    ///
    /// # Errors
    /// When the handshake fails, the certificate is not trusted or carries another name, or the authorities cannot be read.
    pub async fn secure(
        &self,
        stream: TcpStream,
        endpoint: &Endpoint,
        limit: Duration,
    ) -> Result<TlsStream<TcpStream>, DialError> {
        let tls = |reason: String| DialError::Tls(format!("{}:{}", endpoint.host, endpoint.port), reason);
        let trust = match (&endpoint.ca_file, endpoint.tls) {
            (_, TlsMode::Opportunistic) => Trust::Anyone,
            (Some(path), _) => Trust::File(path.clone()),
            (None, _) => Trust::System,
        };
        let client = self.clients.get(&trust).map_err(|error| tls(error.to_string()))?;
        let name = endpoint.server_name.as_deref().unwrap_or(&endpoint.host).trim_end_matches('.');
        let name = ServerName::try_from(name.to_owned()).map_err(|error| tls(error.to_string()))?;
        match timeout(limit, TlsConnector::from(client).connect(name, stream)).await {
            Ok(Ok(secured)) => Ok(secured),
            Ok(Err(error)) => Err(tls(error.to_string())),
            Err(_) => {
                Err(DialError::Timeout(format!("the TLS handshake of {}:{}", endpoint.host, endpoint.port), limit))
            }
        }
    }
}

async fn connect(to: SocketAddr, source: Option<IpAddr>) -> std::io::Result<TcpStream> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(source) = source {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    // Commands are small and each waits for its reply: Nagle's algorithm would hold them back for 40 ms.
    socket.set_nodelay(true)?;
    socket.connect(to).await
}

fn place(endpoint: &Endpoint, to: SocketAddr) -> String {
    if endpoint.host.parse::<IpAddr>().is_ok() { to.to_string() } else { format!("{} ({to})", endpoint.host) }
}
