//! `landfall spf`: what a receiver's SPF check says of a host and a sender, and why.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::cli::{Format, Output, Verdict};
use crate::clock::Clock;
use crate::config::parse_duration;
use crate::judge::spf::{
    MAX_LOOKUPS, MAX_VOID_LOOKUPS, Pra, PraVerdict, SpfRequest, SpfVerdict, check, check_pra, pra,
};
use crate::model::{SpfIdentity, SpfResult};
use crate::net::dns::Resolver;

/// Check SPF as a receiver does: may this address send mail for this sender?
///
/// Evaluates the sender's `v=spf1` record over live DNS (RFC 7208) and says which of its terms decides. With --from it also checks the
/// domain of the header From, as docomo, au and SoftBank do. Exits with 0 where all that was checked passes, 1 where it does not, 2 where the
/// command line is wrong, and 3 where DNS did not answer.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The address that the mail comes from, IPv4 or IPv6.
    #[arg(long, value_name = "ADDRESS")]
    ip: IpAddr,
    /// The envelope's sender (MAIL FROM); empty for a bounce, whose HELO name is checked.
    #[arg(long, value_name = "ADDRESS", default_value = "", required_unless_present = "helo")]
    mail_from: String,
    /// The name in HELO or EHLO.
    #[arg(long, value_name = "NAME", default_value = "")]
    helo: String,
    /// The header From, such as `Shop <no-reply@shop.example>`: check its domain as well.
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    /// Ask this name server instead of the system's; may be repeated. The port is 53 where it is left out.
    #[arg(long = "dns-server", value_name = "IP:PORT", value_parser = name_server)]
    dns_servers: Vec<SocketAddr>,
    /// Wait this long for an answer of DNS, such as `400ms`; a question without one is asked again.
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = timeout)]
    dns_timeout: Duration,
    /// How to tell the result.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: Format,
}

/// The result, as `docs/spf.schema.json` has it.
#[derive(Debug, Serialize)]
struct Report {
    /// The envelope's sender, or the HELO name.
    #[serde(flatten)]
    verdict: SpfVerdict,
    /// The header From, where it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pra: Option<PraVerdict>,
}

pub(super) fn run(arguments: &Arguments, out: &mut Output<'_>) -> io::Result<Verdict> {
    if arguments.mail_from.trim().is_empty() && arguments.helo.trim().is_empty() {
        return Ok(out.usage("an empty --mail-from needs --helo, which is checked instead"));
    }
    let pra = match arguments.from.as_deref().map(header_from).transpose() {
        Ok(pra) => pra,
        Err(error) => return Ok(out.usage(&error)),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Ok(out.usage(&format!("could not start the runtime: {error}"))),
    };
    // The resolver starts its tasks where it is built.
    let report = runtime.block_on(async {
        let resolver = Resolver::new(&arguments.dns_servers, arguments.dns_timeout)?;
        Ok(judge(&resolver, &arguments.request(), pra.as_ref()).await)
    });
    let report = match report {
        Ok(report) => report,
        Err(error) => {
            let error: crate::net::dns::DnsError = error;
            return Ok(out.usage(&error.to_string()));
        }
    };
    match arguments.format {
        Format::Text => tell(&report, arguments.ip, out)?,
        Format::Json => out.json(&report)?,
    }
    Ok(report.outcome())
}

impl Arguments {
    fn request(&self) -> SpfRequest {
        SpfRequest {
            ip: self.ip,
            mail_from: self.mail_from.clone(),
            helo: self.helo.clone(),
            // RFC 7208 §7.3: for a checker that has no name.
            receiver: "unknown".into(),
            now: Clock::system().now(),
        }
    }
}

async fn judge(resolver: &Resolver, request: &SpfRequest, pra: Option<&Pra>) -> Report {
    let verdict = check(resolver, request).await;
    let pra = match pra {
        Some(pra) => Some(check_pra(resolver, request, pra).await),
        None => None,
    };
    Report { verdict, pra }
}

impl Report {
    /// The worst of what was checked: what is bad is so whatever else could not be told.
    fn outcome(&self) -> Verdict {
        let results: Vec<_> = self.pra.iter().map(|pra| pra.verdict.result).chain([self.verdict.result]).collect();
        if results.iter().all(|result| *result == SpfResult::Pass) {
            Verdict::Good
        } else if results.iter().any(|result| !matches!(result, SpfResult::Pass | SpfResult::TempError)) {
            Verdict::Bad
        } else {
            Verdict::Unknown
        }
    }
}

fn tell(report: &Report, ip: IpAddr, out: &mut Output<'_>) -> io::Result<()> {
    tell_one(&report.verdict, ip, out)?;
    let Some(pra) = &report.pra else { return Ok(()) };
    out.say("")?;
    tell_one(&pra.verdict, ip, out)?;
    if let Some(record) = &pra.sender_id {
        out.say(&format!("  not used     {record}"))?;
    }
    if report.verdict.result == SpfResult::Pass && pra.verdict.result != SpfResult::Pass {
        let domain = &pra.verdict.domain;
        out.say(&format!(
            "\nMost receivers let this pass. docomo, au and SoftBank check the header From: name {ip} in the SPF record of {domain}."
        ))?;
    }
    Ok(())
}

fn tell_one(verdict: &SpfVerdict, ip: IpAddr, out: &mut Output<'_>) -> io::Result<()> {
    let identity = match verdict.identity {
        SpfIdentity::MailFrom => "MAIL FROM",
        SpfIdentity::Helo => "HELO",
        SpfIdentity::Pra => "header From",
    };
    let domain = if verdict.domain.is_empty() { "no domain" } else { &verdict.domain };
    out.say(&format!("{}: {} ({identity}) from {ip}", verdict.result.as_str(), shown(domain)))?;
    out.say(&format!("  why          {}", shown(&verdict.reason)))?;
    if let Some(mechanism) = &verdict.mechanism {
        out.say(&format!("  decided by   {}", shown(mechanism)))?;
    }
    out.say(&format!(
        "  lookups      {} of {MAX_LOOKUPS}, {} of {MAX_VOID_LOOKUPS} without an answer",
        verdict.lookups, verdict.void_lookups
    ))?;
    if let Some(explanation) = &verdict.explanation {
        out.say(&format!("  they say     {explanation}"))?;
    }
    for step in &verdict.trace {
        let indent = "  ".repeat(step.depth.saturating_add(1));
        match step.outcome.as_str() {
            "record" => out.say(&format!("{indent}{}: {}", step.domain, shown(&step.term)))?,
            outcome => out.say(&format!("{indent}  {outcome:<9} {}", shown(&step.term)))?,
        }
    }
    Ok(())
}

/// A stranger's text on a few lines of a terminal.
fn shown(text: &str) -> String {
    text.chars().take(1_000).map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

fn header_from(value: &str) -> Result<Pra, String> {
    let value = value.replace(['\r', '\n'], " ");
    pra(format!("From: {value}\r\n").as_bytes())
        .ok_or_else(|| format!("--from: {value:?} is not one address, such as `Shop <no-reply@shop.example>`"))
}

fn name_server(text: &str) -> Result<SocketAddr, String> {
    let bare = |text: &str| text.parse().ok().map(|ip: IpAddr| SocketAddr::new(ip, 53));
    text.parse().ok().or_else(|| bare(text)).ok_or_else(|| "an address and a port, such as 127.0.0.1:53".to_owned())
}

fn timeout(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(zero) if zero.is_zero() => Err("it is not to be zero".into()),
        Err(error) if error.is_empty() => Err("a duration such as `400ms` or `2s`".into()),
        other => other,
    }
}
