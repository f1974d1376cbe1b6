//! Asking DNS, over the configured servers or the system's.
//!
//! Two failures must never be confused: the name does not exist (an answer), and nobody answered (no answer at all). The first is
//! [`DnsError::NotFound`] (or [`DnsError::NoData`]), the second [`DnsError::Failed`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use thiserror::Error;

/// Asks DNS. Cheap to clone; clones share one cache.
#[derive(Clone, Debug)]
pub struct Resolver(TokioResolver);

/// Why there is no answer to use.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DnsError {
    /// The name does not exist: a definite answer.
    #[error("{0} does not exist in DNS")]
    NotFound(String),
    /// The name exists and has no record of this type: a definite answer.
    #[error("{0} has no such record in DNS")]
    NoData(String),
    /// Nobody answered, or the answer was a server's error: nothing is known.
    #[error("DNS did not answer for {0}: {1}")]
    Failed(String, String),
}

/// A host that takes mail for a domain, with its preference (RFC 5321 §5.1: the lowest is tried first).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exchange {
    /// The lower, the sooner.
    pub preference: u16,
    /// The host's name, without the final dot; empty for a null MX (RFC 7505).
    pub host: String,
}

impl Resolver {
    /// A resolver that asks `servers`, or the system's where there are none, and waits `timeout` for each answer.
    ///
    /// # Errors
    /// When the system's configuration cannot be read.
    pub fn new(servers: &[SocketAddr], timeout: Duration) -> Result<Self, DnsError> {
        let failed =
            |error: NetError| DnsError::Failed("the system's resolver configuration".into(), error.to_string());
        let mut builder = if servers.is_empty() {
            TokioResolver::builder_tokio().map_err(failed)?
        } else {
            let servers = servers.iter().map(name_server).collect();
            TokioResolver::builder_with_config(
                ResolverConfig::from_parts(None, Vec::new(), servers),
                TokioRuntimeProvider::default(),
            )
        };
        let opts: &mut ResolverOpts = builder.options_mut();
        opts.timeout = timeout;
        opts.attempts = 2;
        opts.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        if !servers.is_empty() {
            opts.use_hosts_file = ResolveHosts::Never;
        }
        builder.build().map(Self).map_err(failed)
    }

    /// The addresses of `host`, which may be an address itself.
    ///
    /// # Errors
    /// When there are none, or nobody answered.
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, DnsError> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let lookup = self.0.lookup_ip(absolute(host)).await.map_err(|error| explain(host, &error))?;
        let addresses: Vec<_> = lookup.iter().collect();
        if addresses.is_empty() { Err(DnsError::NotFound(host.into())) } else { Ok(addresses) }
    }

    /// The hosts that take mail for `domain`, best first: its MX records, or itself where it has none (RFC 5321 §5.1).
    ///
    /// # Errors
    /// When nobody answered. A domain without MX records is no error.
    pub async fn exchanges(&self, domain: &str) -> Result<Vec<Exchange>, DnsError> {
        match self.mx_records(domain).await {
            Err(DnsError::NotFound(_) | DnsError::NoData(_)) => {
                Ok(vec![Exchange { preference: 0, host: domain.into() }])
            }
            answer => answer,
        }
    }

    /// The MX records of `domain`, best first; the host of a null MX (RFC 7505) is empty.
    ///
    /// # Errors
    /// When there are none, or nobody answered.
    pub async fn mx_records(&self, domain: &str) -> Result<Vec<Exchange>, DnsError> {
        let mut exchanges = self
            .records(domain, RecordType::MX, |data| match data {
                RData::MX(mx) => Some(Exchange { preference: mx.preference, host: relative(&mx.exchange) }),
                _ => None,
            })
            .await?;
        exchanges.sort();
        Ok(exchanges)
    }

    /// The TXT records of `name`, the strings of each joined.
    ///
    /// # Errors
    /// When there are none, or nobody answered.
    pub async fn txt_records(&self, name: &str) -> Result<Vec<Vec<u8>>, DnsError> {
        self.records(name, RecordType::TXT, |data| match data {
            RData::TXT(txt) => Some(txt.txt_data.concat()),
            _ => None,
        })
        .await
    }

    /// The A records of `name`.
    ///
    /// # Errors
    /// When there are none, or nobody answered.
    pub async fn a_records(&self, name: &str) -> Result<Vec<Ipv4Addr>, DnsError> {
        self.records(name, RecordType::A, |data| match data {
            RData::A(a) => Some(a.0),
            _ => None,
        })
        .await
    }

    /// The AAAA records of `name`.
    ///
    /// # Errors
    /// When there are none, or nobody answered.
    pub async fn aaaa_records(&self, name: &str) -> Result<Vec<Ipv6Addr>, DnsError> {
        self.records(name, RecordType::AAAA, |data| match data {
            RData::AAAA(aaaa) => Some(aaaa.0),
            _ => None,
        })
        .await
    }

    /// The names of `address`, without their final dots.
    ///
    /// # Errors
    /// When there are none, or nobody answered.
    pub async fn ptr_records(&self, address: IpAddr) -> Result<Vec<String>, DnsError> {
        let name = Name::from(address).to_ascii();
        self.records(&name, RecordType::PTR, |data| match data {
            RData::PTR(ptr) => Some(relative(&ptr.0)),
            _ => None,
        })
        .await
    }

    async fn records<T>(
        &self,
        name: &str,
        kind: RecordType,
        pick: impl Fn(&RData) -> Option<T>,
    ) -> Result<Vec<T>, DnsError> {
        let asked = question(name).map_err(|reason| DnsError::Failed(name.into(), reason))?;
        let lookup = self.0.lookup(asked, kind).await.map_err(|error| explain(name, &error))?;
        let records: Vec<T> = lookup.answers().iter().filter_map(|record| pick(&record.data)).collect();
        if records.is_empty() { Err(DnsError::NoData(name.into())) } else { Ok(records) }
    }
}

/// Without its final dot, in lower case; byte for byte where [`question`] would read it back, and else in the escapes of RFC 4343 §2.1.
fn relative(name: &Name) -> String {
    let plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'.' | b'\\');
    let labels: Option<Vec<&str>> = name
        .iter()
        .map(|label| str::from_utf8(label).ok().filter(|label| label.as_bytes().iter().all(plain)))
        .collect();
    let text = labels.map_or_else(|| name.to_ascii().trim_end_matches('.').to_owned(), |labels| labels.join("."));
    text.to_ascii_lowercase()
}

/// With its final dot, so that no search domain is tried.
fn absolute(host: &str) -> String {
    if host.ends_with('.') { host.into() } else { format!("{host}.") }
}

/// The name to ask for. A name in ASCII is taken byte for byte (RFC 2181 §11), since SPF's macros make names with slashes and spaces in them;
/// another one is an internationalised name, in which such characters are errors.
fn question(name: &str) -> Result<Name, String> {
    let absolute = absolute(name);
    let asked = if name.is_ascii() {
        let labels = absolute.strip_suffix('.').unwrap_or(&absolute).split('.').filter(|label| !label.is_empty());
        Name::from_labels(labels.map(str::as_bytes))
    } else {
        Name::from_utf8(&absolute)
    };
    asked.map_err(|error| error.to_string())
}

fn name_server(server: &SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()]
        .into_iter()
        .map(|mut connection| {
            connection.port = server.port();
            connection
        })
        .collect();
    NameServerConfig::new(server.ip(), true, connections)
}

fn explain(name: &str, error: &NetError) -> DnsError {
    if error.is_nx_domain() {
        DnsError::NotFound(name.into())
    } else if error.is_no_records_found() {
        DnsError::NoData(name.into())
    } else {
        DnsError::Failed(name.into(), error.to_string())
    }
}
