//! The way of a received copy: its Received fields as a chain, with the time each step took, and the address it came from.
//!
//! Every server puts its line on top, so the last one stands first. Only the receiver's own lines can be believed: whatever stands below
//! was part of the message when it came, and the sender may have made it up. The line that matters is therefore at the border between
//! the two ([`boundary`]): there the receiver wrote down which address handed the message in, and what it called itself. This is the address SPF
//! is about, and the one blocklists list; a sender behind a relay learns here which one that is.
//!
//! Times are of as many clocks as there are servers, and they do not agree. A step that seems to end before it began takes no time, and says
//! by how much the clocks differ ([`Leg::skew`]); it never makes a latency negative. A skew the other way looks like a delay and
//! cannot be told from one.

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::clock::elapsed;
use crate::model::Hop;
use crate::syntax::header::named;
use crate::syntax::received::parse;

/// How many Received fields are read. RFC 5321 §6.3 has servers take a message with a hundred for one that goes in circles.
pub const MAX_HOPS: usize = 100;

/// The message's Received fields, in its order: the last server's first. `headers` may be the whole message, whose body is not looked at.
#[must_use]
pub fn read(headers: &[u8]) -> Vec<Hop> {
    named(headers, "Received").take(MAX_HOPS).map(|field| parse(field.raw)).collect()
}

/// The time between two servers' lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Leg {
    /// From the nearest line below that tells a time to this one; zero where the clocks say less. `None` where this line tells no time, and
    /// for the first server.
    pub delay: Option<Duration>,
    /// By how much this line's clock is behind the one below, where it is.
    pub skew: Option<Duration>,
}

/// A [`Leg`] for each hop, in the order of `hops`. Delays are taken against the latest time seen so far, so that a single clock that is
/// ahead does not add its error twice.
#[must_use]
pub fn legs(hops: &[Hop]) -> Vec<Leg> {
    let (mut before, mut latest): (Option<Timestamp>, Option<Timestamp>) = (None, None);
    let mut legs: Vec<Leg> = hops
        .iter()
        .rev()
        .map(|hop| {
            let Some(at) = hop.at else { return Leg::default() };
            let leg = Leg {
                delay: latest.map(|latest| elapsed(latest, at)),
                skew: before.map(|before| elapsed(at, before)).filter(|skew| !skew.is_zero()),
            };
            before = Some(at);
            latest = latest.max(Some(at));
            leg
        })
        .collect();
    legs.reverse();
    legs
}

/// The line in which the receiver wrote down where the message came from; its `ip` is there.
///
/// `own` says whether a host is one of the receiver's, by its name in lower case; give `|_| false` where none is known.
///
/// - Where `own` knows the host of some line: the topmost line written by such a host (or by one that gives itself an internal address
///   instead of a name, as Yahoo's do) whose connecting address is public and that is not a hand-over inside. Lines below the last one of
///   the receiver's own are never believed. Where all of its own lines name internal addresses only, the mail came from its own network,
///   and the lowest of them with an address other than the machine's own is taken.
/// - Where it knows none: the topmost line whose connecting address is public and that is not a hand-over inside.
///
/// A hand-over inside is a line whose client is a host of the same receiver and also wrote the line below it, as the servers of Exchange Online
/// do from public addresses; a client that only calls itself so did not. Where no host is known, the same receiver is taken to be
/// one whose name ends in the same two labels. Lines that the receiver writes itself without a client (Gmail's topmost) tell no address and
/// are passed over.
///
/// `None` where no line qualifies.
#[must_use]
pub fn boundary(hops: &[Hop], own: impl Fn(&str) -> bool) -> Option<&Hop> {
    let by_own = |hop: &Hop| hop.by.as_deref().is_some_and(|by| own(&host(by)));
    let Some(first_own) = hops.iter().position(by_own) else {
        return border(hops, same_organization);
    };
    let written_by_it = |hop: &&Hop| by_own(hop) || hop.by.is_none() || names_internal(hop);
    let above = hops.get(..first_own).unwrap_or_default();
    // What stands above its first known line was added later, inside: a delivery agent, say.
    let start =
        if above.iter().any(|hop| hop.ip.is_some_and(is_public) && names_internal(hop)) { 0 } else { first_own };
    let below = hops.get(start..).unwrap_or_default();
    let run = below.iter().take_while(written_by_it);
    // The run ends with a line that bears the receiver's name: one without a name below it may be anybody's.
    let count = run.enumerate().filter(|(_, hop)| by_own(hop)).last().map_or(0, |(index, _)| index + 1);
    let trusted = below.get(..count).unwrap_or_default();
    border(trusted, |_, client| own(client))
        .or_else(|| trusted.iter().rev().find(|hop| hop.ip.is_some_and(|ip| !canonical(ip).is_loopback())))
}

/// The topmost line with a public address that is no hand-over; `is_own` is given the host that wrote the line, and its client.
fn border(hops: &[Hop], is_own: impl Fn(&str, &str) -> bool) -> Option<&Hop> {
    hops.iter()
        .enumerate()
        .find(|(index, hop)| hop.ip.is_some_and(is_public) && !is_hand_over(hop, hops.get(index + 1), &is_own))
        .map(|(_, hop)| hop)
}

fn is_hand_over(hop: &Hop, below: Option<&Hop>, is_own: impl Fn(&str, &str) -> bool) -> bool {
    let Some(wrote_below) = below.and_then(|below| below.by.as_deref()).map(host) else { return false };
    let inside = hop.by.as_deref().map(host).unwrap_or_default();
    let clients = [hop.from.as_deref(), hop.helo.as_deref()];
    clients.into_iter().flatten().map(host).any(|client| client == wrote_below && is_own(&inside, &client))
}

/// In lower case, without a final dot.
fn host(name: &str) -> String {
    name.trim_end_matches('.').to_lowercase()
}

/// Whether two names end in the same two labels: a guess, good enough where nothing better is known.
fn same_organization(one: &str, other: &str) -> bool {
    let end = |name: &str| {
        let mut labels = name.rsplit('.');
        let (top, second) = (labels.next()?.to_owned(), labels.next()?.to_owned());
        (!top.bytes().all(|byte| byte.is_ascii_digit())).then_some((top, second))
    };
    end(one).is_some_and(|one| Some(one) == end(other))
}

/// Whether the server gives itself an internal address instead of a name.
fn names_internal(hop: &Hop) -> bool {
    let by = hop.by.as_deref().map(|by| by.trim_matches(['[', ']']).parse::<IpAddr>());
    matches!(by, Some(Ok(ip)) if !is_public(ip))
}

fn canonical(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    }
}

/// Whether an address is one a stranger can have: not loopback, private (RFC 1918, RFC 4193), link-local, of a carrier's own network
/// (RFC 6598), multicast or unspecified. The blocks for documentation count as public, and an address of RFC 3056 (2002::/16) as the IPv4
/// address in it: Gmail's hosts so spell addresses of 10/8.
#[must_use]
pub fn is_public(ip: IpAddr) -> bool {
    match canonical(ip) {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [first, second, ..] = ip.octets();
    let shared = first == 100 && (64..128).contains(&second);
    let internal = ip.is_private() || ip.is_loopback() || ip.is_link_local() || shared;
    !(internal || ip.is_multicast() || ip.is_broadcast() || first == 0)
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    if let [0x2002, high, low, ..] = ip.segments() {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        return is_public_v4(Ipv4Addr::new(a, b, c, d));
    }
    let internal = ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local();
    !(internal || ip.is_multicast())
}
