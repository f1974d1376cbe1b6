//! What a judge asks of DNS.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;

use crate::net::dns::Resolver;

/// Why there are no records.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NoAnswer {
    /// The name does not exist (NXDOMAIN): a definite answer.
    #[error("the name does not exist")]
    NxDomain,
    /// The name exists and has no record of this type: a definite answer.
    #[error("the name has no such record")]
    NoData,
    /// SERVFAIL, REFUSED, a time-out: nothing is known. Trying again later may succeed.
    #[error("DNS did not answer: {0}")]
    Failed(String),
}

/// Answers a judge's questions. Names are given without or with their final dot; answers carry none. A list is never empty.
pub trait Dns: Send + Sync {
    /// TXT records, the strings of each joined without a space (RFC 7208 §3.3, RFC 6376 §3.6.2.2), in the order of the answer.
    fn txt(&self, name: &str) -> impl Future<Output = Result<Vec<Vec<u8>>, NoAnswer>> + Send;

    /// A records.
    fn ipv4(&self, name: &str) -> impl Future<Output = Result<Vec<Ipv4Addr>, NoAnswer>> + Send;

    /// AAAA records.
    fn ipv6(&self, name: &str) -> impl Future<Output = Result<Vec<Ipv6Addr>, NoAnswer>> + Send;

    /// MX hosts with their preference, best first; the host of a null MX (RFC 7505) is empty.
    fn mx(&self, name: &str) -> impl Future<Output = Result<Vec<(u16, String)>, NoAnswer>> + Send;

    /// The names of an address.
    fn ptr(&self, address: IpAddr) -> impl Future<Output = Result<Vec<String>, NoAnswer>> + Send;
}

impl Dns for Resolver {
    async fn txt(&self, name: &str) -> Result<Vec<Vec<u8>>, NoAnswer> {
        Ok(self.txt_records(name).await?)
    }

    async fn ipv4(&self, name: &str) -> Result<Vec<Ipv4Addr>, NoAnswer> {
        Ok(self.a_records(name).await?)
    }

    async fn ipv6(&self, name: &str) -> Result<Vec<Ipv6Addr>, NoAnswer> {
        Ok(self.aaaa_records(name).await?)
    }

    async fn mx(&self, name: &str) -> Result<Vec<(u16, String)>, NoAnswer> {
        let exchanges = self.mx_records(name).await?;
        Ok(exchanges.into_iter().map(|exchange| (exchange.preference, exchange.host)).collect())
    }

    async fn ptr(&self, address: IpAddr) -> Result<Vec<String>, NoAnswer> {
        Ok(self.ptr_records(address).await?)
    }
}

impl From<crate::net::dns::DnsError> for NoAnswer {
    fn from(error: crate::net::dns::DnsError) -> Self {
        use crate::net::dns::DnsError;
        match error {
            DnsError::NotFound(_) => Self::NxDomain,
            DnsError::NoData(_) => Self::NoData,
            DnsError::Failed(_, reason) => Self::Failed(reason),
        }
    }
}
