//! Macros put into words (RFC 7208 §7), and the explanation of a failure (§6.2), which is made of them.

use std::net::IpAddr;

use crate::judge::Dns;
use crate::judge::spf::MAX_EXPLANATION;
use crate::judge::spf::evaluate::{Evaluation, can_be_asked};
use crate::judge::spf::mechanism::is_at_or_below;
use crate::syntax::spf::{Letter, Macro, MacroString, Part, explanation};

/// A name is the end of an expansion, no longer than this (§7.3).
const MAX_DOMAIN: usize = 253;

/// Whoever is checked.
pub(super) struct Sender {
    pub(super) local_part: String,
    pub(super) domain: String,
}

impl Sender {
    /// A mailbox or a domain; without a local part it is the postmaster (§4.3).
    pub(super) fn of(sender: &str) -> Self {
        let sender = sender.strip_prefix('<').and_then(|sender| sender.strip_suffix('>')).unwrap_or(sender);
        let (local_part, domain) = sender.rsplit_once('@').unwrap_or(("", sender));
        let local_part = if local_part.is_empty() { "postmaster" } else { local_part };
        Self { local_part: local_part.into(), domain: domain.into() }
    }
}

impl<D: Dns> Evaluation<'_, D> {
    /// The name that a domain-spec comes to. Of one that is too long, labels are dropped from the left until it is not (§7.3).
    pub(super) async fn domain(&mut self, spec: &MacroString, domain: &str) -> String {
        let mut reversed = Vec::new();
        let mut length = 0_usize;
        // From the right, and no further than needed: a record of 64 KiB may ask for a thousand times as much.
        for part in spec.parts.iter().rev() {
            let text = self.part(part, domain).await;
            length = length.saturating_add(text.len());
            reversed.push(text);
            if length > MAX_DOMAIN.saturating_add(2) {
                break;
            }
        }
        reversed.reverse();
        let name = reversed.concat();
        let mut name = name.strip_suffix('.').unwrap_or(&name);
        while name.len() > MAX_DOMAIN {
            let Some((_, rest)) = name.split_once('.') else { break };
            name = rest;
        }
        name.to_owned()
    }

    /// The explanation of a failure; none where anything is wrong with it: it changes no result (§6.2).
    pub(super) async fn explain(&mut self, spec: &MacroString, domain: &str) -> Option<String> {
        let name = self.domain(spec, domain).await;
        if !can_be_asked(&name) {
            return None;
        }
        let records = self.dns.txt(&name).await.ok()?;
        let [text] = records.as_slice() else { return None };
        let mut said = String::new();
        for part in &explanation(text).ok()?.parts {
            said.push_str(&self.part(part, domain).await);
            if said.len() > MAX_EXPLANATION {
                said.truncate(said.floor_char_boundary(MAX_EXPLANATION));
                break;
            }
        }
        // The sender's own words may be in it.
        Some(said.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).collect())
    }

    async fn part(&mut self, part: &Part, domain: &str) -> String {
        match part {
            Part::Literal(text) => text.clone(),
            Part::Percent => "%".into(),
            Part::Space => " ".into(),
            Part::UrlSpace => "%20".into(),
            Part::Macro(one) => {
                let value = self.letter(one.letter, domain).await;
                let value = transform(&value, one);
                if one.escape { escape(&value) } else { value }
            }
        }
    }

    async fn letter(&mut self, letter: Letter, domain: &str) -> String {
        match letter {
            Letter::Sender => format!("{}@{}", self.sender.local_part, self.sender.domain),
            Letter::LocalPart => self.sender.local_part.clone(),
            Letter::SenderDomain => self.sender.domain.clone(),
            Letter::Domain => domain.strip_suffix('.').unwrap_or(domain).to_owned(),
            Letter::Ip => dotted(self.ip),
            Letter::ValidatedName => self.validated_name(domain).await,
            Letter::Version => if self.ip.is_ipv4() { "in-addr" } else { "ip6" }.into(),
            Letter::Helo => self.helo.to_owned(),
            Letter::ReadableIp => self.ip.to_string(),
            Letter::Receiver => self.request.receiver.clone(),
            Letter::Time => self.request.now.as_second().to_string(),
        }
    }

    /// The client's confirmed name: preferably the domain, else one below it, else any (§7.3).
    async fn validated_name(&mut self, domain: &str) -> String {
        let names = self.validated().await.unwrap_or_default();
        let domain = domain.trim_end_matches('.');
        let best = names
            .iter()
            .find(|name| name.eq_ignore_ascii_case(domain))
            .or_else(|| names.iter().find(|name| is_at_or_below(name, domain)))
            .or_else(|| names.first());
        best.cloned().unwrap_or_else(|| "unknown".into())
    }
}

/// The address with a dot between its bytes, or between its nibbles (§7.3). Upper-case nibbles, as the published test suite has them; in DNS
/// the case makes no difference.
fn dotted(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let nibbles: Vec<_> = format!("{:032X}", ip.to_bits()).chars().map(String::from).collect();
            nibbles.join(".")
        }
    }
}

/// Splits, reverses, and keeps the parts on the right; what is left is joined with dots (§7.3).
fn transform(value: &str, one: &Macro) -> String {
    if one.keep.is_none() && !one.reverse && one.delimiters.is_empty() {
        return value.to_owned();
    }
    let delimiters = if one.delimiters.is_empty() { "." } else { &one.delimiters };
    let mut parts: Vec<&str> = value.split(|c| delimiters.contains(c)).collect();
    if one.reverse {
        parts.reverse();
    }
    let drop = one.keep.map_or(0, |keep| parts.len().saturating_sub(keep));
    parts.get(drop..).unwrap_or_default().join(".")
}

/// Escapes all but the unreserved characters of RFC 3986 §2.3.
fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}
