//! Whether a mechanism matches the client's address (RFC 7208 §5); `include` is with the records, in `evaluate`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::judge::spf::MAX_NAMES;
use crate::judge::spf::evaluate::{Evaluation, Stop, can_be_asked};
use crate::judge::{Dns, NoAnswer};
use crate::syntax::spf::{MacroString, Mechanism, Prefixes};

impl<D: Dns> Evaluation<'_, D> {
    /// Whether `mechanism`, which stands in the record of `domain` as `term`, matches. `include` never does here.
    pub(super) async fn matches(&mut self, domain: &str, term: &str, mechanism: &Mechanism) -> Result<bool, Stop> {
        match mechanism {
            Mechanism::All => Ok(true),
            Mechanism::Ip4(network, prefix) => Ok(within(self.ip, IpAddr::V4(*network), *prefix)),
            Mechanism::Ip6(network, prefix) => Ok(within(self.ip, IpAddr::V6(*network), *prefix)),
            Mechanism::A(target, prefixes) => {
                let Some(name) = self.target(target.as_ref(), domain).await else { return Ok(false) };
                let addresses = self.addresses(&name).await;
                let Some(addresses) = self.known(term, &name, addresses)? else {
                    self.count_void()?;
                    return Ok(false);
                };
                Ok(self.any_within(&addresses, *prefixes))
            }
            Mechanism::Mx(target, prefixes) => self.mx(domain, term, target.as_ref(), *prefixes).await,
            Mechanism::Ptr(target) => self.ptr(domain, target.as_ref()).await,
            Mechanism::Exists(target) => self.exists(domain, term, target).await,
            Mechanism::Include(_) => Ok(false),
        }
    }

    /// The name that a mechanism is about: the domain itself, or its own; `None` where that cannot be asked for, which is no match (§4.8).
    async fn target(&mut self, target: Option<&MacroString>, domain: &str) -> Option<String> {
        let name = match target {
            Some(target) => self.domain(target, domain).await,
            None => domain.to_owned(),
        };
        can_be_asked(&name).then_some(name)
    }

    /// §5.4. More than ten hosts are an error, whichever of them match: their owner can mend it.
    async fn mx(
        &mut self,
        domain: &str,
        term: &str,
        target: Option<&MacroString>,
        prefixes: Prefixes,
    ) -> Result<bool, Stop> {
        let Some(name) = self.target(target, domain).await else { return Ok(false) };
        let hosts = self.dns.mx(&name).await;
        let Some(hosts) = self.known(term, &name, hosts)? else {
            self.count_void()?;
            return Ok(false);
        };
        if hosts.len() > MAX_NAMES {
            return Err(self.permerror(format!("`{term}`: {name} has more than {MAX_NAMES} mail hosts")));
        }
        let mut void = false;
        for (_, host) in hosts.iter().filter(|(_, host)| can_be_asked(host)) {
            let addresses = self.addresses(host).await;
            match self.known(term, host, addresses)? {
                Some(addresses) if self.any_within(&addresses, prefixes) => return Ok(true),
                Some(_) => {}
                None => void = true,
            }
        }
        if void {
            self.count_void()?;
        }
        Ok(false)
    }

    /// §5.5. The names of the client are in its owner's hands, so errors about them are no match and names beyond ten are ignored.
    async fn ptr(&mut self, domain: &str, target: Option<&MacroString>) -> Result<bool, Stop> {
        let Some(name) = self.target(target, domain).await else { return Ok(false) };
        match self.validated().await {
            Ok(names) => Ok(names.iter().any(|validated| is_at_or_below(validated, &name))),
            Err(NoAnswer::Failed(_)) => Ok(false),
            Err(NoAnswer::NxDomain | NoAnswer::NoData) => {
                self.count_void()?;
                Ok(false)
            }
        }
    }

    /// §5.7: always an A record, whatever the client's address.
    async fn exists(&mut self, domain: &str, term: &str, target: &MacroString) -> Result<bool, Stop> {
        let Some(name) = self.target(Some(target), domain).await else { return Ok(false) };
        let answer = self.dns.ipv4(&name).await;
        if self.known(term, &name, answer)?.is_none() {
            self.count_void()?;
            return Ok(false);
        }
        Ok(true)
    }

    /// What was found: `None` where nothing is there, and an error where nobody answered.
    fn known<T>(&self, term: &str, name: &str, answer: Result<T, NoAnswer>) -> Result<Option<T>, Stop> {
        match answer {
            Ok(found) => Ok(Some(found)),
            Err(NoAnswer::NxDomain | NoAnswer::NoData) => Ok(None),
            Err(NoAnswer::Failed(why)) => {
                Err(self.temperror(format!("`{term}`: DNS did not answer for {name}: {why}")))
            }
        }
    }

    /// The addresses of a name, of the client's family (§5).
    async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, NoAnswer> {
        match self.ip {
            IpAddr::V4(_) => Ok(self.dns.ipv4(name).await?.into_iter().map(IpAddr::V4).collect()),
            IpAddr::V6(_) => Ok(self.dns.ipv6(name).await?.into_iter().map(IpAddr::V6).collect()),
        }
    }

    fn any_within(&self, addresses: &[IpAddr], prefixes: Prefixes) -> bool {
        let prefix = if self.ip.is_ipv4() { prefixes.ip4 } else { prefixes.ip6 };
        addresses.iter().any(|address| within(self.ip, *address, prefix))
    }

    /// The client's names that lead back to its address (§5.5): asked for once in a check, since it has one client.
    pub(super) async fn validated(&mut self) -> Result<Vec<String>, NoAnswer> {
        if let Some(known) = &self.validated {
            return known.clone();
        }
        let validated = self.confirm().await;
        self.validated = Some(validated.clone());
        validated
    }

    async fn confirm(&self) -> Result<Vec<String>, NoAnswer> {
        let mut confirmed = Vec::new();
        for name in self.dns.ptr(self.ip).await?.into_iter().filter(|name| can_be_asked(name)).take(MAX_NAMES) {
            if self.addresses(&name).await.is_ok_and(|addresses| addresses.contains(&self.ip)) {
                confirmed.push(name);
            }
        }
        Ok(confirmed)
    }
}

/// Whether `name` is `domain` or below it.
pub(super) fn is_at_or_below(name: &str, domain: &str) -> bool {
    let plain = |name: &str| name.trim_end_matches('.').to_ascii_lowercase();
    let (name, domain) = (plain(name), plain(domain));
    name.strip_suffix(&domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Whether the first `prefix` bits of both addresses are equal; never so for addresses of two families.
fn within(ip: IpAddr, network: IpAddr, prefix: u8) -> bool {
    match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => {
            let bits = Ipv4Addr::to_bits;
            let beyond = 32_u32.saturating_sub(prefix.into());
            (bits(ip) ^ bits(network)).checked_shr(beyond).unwrap_or_default() == 0
        }
        (IpAddr::V6(ip), IpAddr::V6(network)) => {
            let bits = Ipv6Addr::to_bits;
            let beyond = 128_u32.saturating_sub(prefix.into());
            (bits(ip) ^ bits(network)).checked_shr(beyond).unwrap_or_default() == 0
        }
        _ => false,
    }
}
