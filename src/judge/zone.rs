//! DNS as a data literal, for tests.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Mutex;

use crate::judge::{Dns, NoAnswer};

/// Names and their records; what is not in it does not exist. Counts the questions it is asked.
#[derive(Debug, Default)]
pub(crate) struct Zone {
    txt: BTreeMap<String, Vec<Vec<u8>>>,
    addresses: BTreeMap<String, Vec<IpAddr>>,
    mx: BTreeMap<String, Vec<(u16, String)>>,
    ptr: BTreeMap<IpAddr, Vec<String>>,
    fails: Vec<String>,
    asked: Mutex<Vec<String>>,
}

impl Zone {
    /// One more TXT record.
    pub(crate) fn txt(mut self, name: &str, record: impl AsRef<[u8]>) -> Self {
        self.txt.entry(name.to_ascii_lowercase()).or_default().push(record.as_ref().to_vec());
        self
    }

    /// One more A or AAAA record.
    pub(crate) fn address(mut self, name: &str, address: &str) -> Self {
        self.addresses.entry(name.to_ascii_lowercase()).or_default().push(address.parse().unwrap());
        self
    }

    /// One more MX record.
    pub(crate) fn mx(mut self, name: &str, preference: u16, host: &str) -> Self {
        self.mx.entry(name.to_ascii_lowercase()).or_default().push((preference, host.into()));
        self
    }

    /// One more PTR record.
    pub(crate) fn ptr(mut self, address: &str, name: &str) -> Self {
        self.ptr.entry(address.parse().unwrap()).or_default().push(name.into());
        self
    }

    /// Every question about this name fails, as with SERVFAIL or a time-out.
    pub(crate) fn failing(mut self, name: &str) -> Self {
        self.fails.push(name.to_ascii_lowercase());
        self
    }

    /// What was asked so far, as `TYPE name`.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn look<T: Clone>(&self, kind: &str, name: &str, records: Option<&Vec<T>>) -> Result<Vec<T>, NoAnswer> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        self.asked.lock().unwrap().push(format!("{kind} {name}"));
        if self.fails.contains(&name) {
            return Err(NoAnswer::Failed("SERVFAIL".into()));
        }
        let below = format!(".{name}");
        let exists = |known: &String| *known == name || known.ends_with(&below);
        match records {
            Some(records) if !records.is_empty() => Ok(records.clone()),
            _ if self.txt.keys().any(exists) || self.addresses.keys().any(exists) || self.mx.keys().any(exists) => {
                Err(NoAnswer::NoData)
            }
            _ => Err(NoAnswer::NxDomain),
        }
    }
}

fn key(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

impl Dns for Zone {
    async fn txt(&self, name: &str) -> Result<Vec<Vec<u8>>, NoAnswer> {
        self.look("TXT", name, self.txt.get(&key(name)))
    }

    async fn ipv4(&self, name: &str) -> Result<Vec<Ipv4Addr>, NoAnswer> {
        let all = self.addresses.get(&key(name)).into_iter().flatten();
        let of_type: Vec<Ipv4Addr> =
            all.filter_map(|ip| if let IpAddr::V4(ip) = ip { Some(*ip) } else { None }).collect();
        self.look("A", name, Some(&of_type))
    }

    async fn ipv6(&self, name: &str) -> Result<Vec<Ipv6Addr>, NoAnswer> {
        let all = self.addresses.get(&key(name)).into_iter().flatten();
        let of_type: Vec<Ipv6Addr> =
            all.filter_map(|ip| if let IpAddr::V6(ip) = ip { Some(*ip) } else { None }).collect();
        self.look("AAAA", name, Some(&of_type))
    }

    async fn mx(&self, name: &str) -> Result<Vec<(u16, String)>, NoAnswer> {
        let mut hosts = self.look("MX", name, self.mx.get(&key(name)))?;
        hosts.sort();
        Ok(hosts)
    }

    async fn ptr(&self, address: IpAddr) -> Result<Vec<String>, NoAnswer> {
        self.look("PTR", &address.to_string(), self.ptr.get(&address))
    }
}
