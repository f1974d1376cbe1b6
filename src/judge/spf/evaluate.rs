//! `check_host()` (RFC 7208 §4): from a domain to its record, and through the record's terms.

use std::net::IpAddr;
use std::ops::Range;
use std::pin::Pin;

use crate::judge::spf::expand::Sender;
use crate::judge::spf::{MAX_LOOKUPS, MAX_NAME, MAX_TRACE, MAX_VOID_LOOKUPS, SpfRequest, SpfStep};
use crate::judge::{Dns, NoAnswer};
use crate::model::SpfResult;
use crate::syntax::spf::{MacroString, Mechanism, Record, is_spf_record, parse};

/// One check: what stays the same from record to record, and what is counted over all of them.
pub(super) struct Evaluation<'a, D> {
    pub(super) dns: &'a D,
    /// The client's address, not mapped.
    pub(super) ip: IpAddr,
    pub(super) sender: Sender,
    pub(super) helo: &'a str,
    pub(super) request: &'a SpfRequest,
    pub(super) lookups: u32,
    pub(super) void_lookups: u32,
    /// The client's confirmed names, once they were asked for.
    pub(super) validated: Option<Result<Vec<String>, NoAnswer>>,
    /// The terms that led to the record under evaluation.
    path: Vec<String>,
    pub(super) trace: Vec<SpfStep>,
    /// The `spf2.0` record for the PRA that stood beside the first domain's record.
    pub(super) sender_id: Option<String>,
}

/// How the evaluation of a record ended.
pub(super) struct Ended {
    pub(super) result: SpfResult,
    pub(super) mechanism: Option<String>,
    pub(super) reason: String,
    /// Where a failure is explained, and the domain whose record says so.
    pub(super) explanation: Option<(MacroString, String)>,
}

/// An error ends the whole check, wherever it happens.
pub(super) struct Stop {
    /// `temperror` or `permerror`.
    pub(super) result: SpfResult,
    pub(super) mechanism: Option<String>,
    pub(super) reason: String,
}

/// A record that is evaluated.
pub(super) struct Place<'r> {
    /// Its text.
    text: &'r [u8],
    /// Its domain, for `%{d}` and for mechanisms without one of their own.
    pub(super) domain: &'r str,
    depth: usize,
}

impl Place<'_> {
    fn term(&self, span: &Range<usize>) -> String {
        String::from_utf8_lossy(self.text.get(span.clone()).unwrap_or_default()).into_owned()
    }
}

impl<'a, D: Dns> Evaluation<'a, D> {
    pub(super) fn new(dns: &'a D, request: &'a SpfRequest, sender: &str) -> Self {
        Self {
            dns,
            ip: request.ip.to_canonical(),
            sender: Sender::of(cut(sender)),
            helo: cut(request.helo.trim()),
            request,
            lookups: 0,
            void_lookups: 0,
            validated: None,
            path: Vec::new(),
            trace: Vec::new(),
            sender_id: None,
        }
    }

    /// Evaluates the record of `domain`, to which `depth` includes and redirects led.
    pub(super) async fn host(&mut self, domain: &str, depth: usize) -> Result<Ended, Stop> {
        let none = |reason: String| Ended { result: SpfResult::None, mechanism: None, reason, explanation: None };
        if let Err(why) = well_formed(domain) {
            return Ok(none(why));
        }
        let records = match self.dns.txt(domain).await {
            Ok(records) => records,
            Err(NoAnswer::Failed(why)) => {
                return Err(self.temperror(format!("DNS did not answer for the record of {domain}: {why}")));
            }
            Err(missing) => {
                // What follows is an error of its own, with a better reason than the limit.
                self.void_lookups = self.void_lookups.saturating_add(u32::from(depth > 0));
                return Ok(none(format!("{domain} has no SPF record: {missing}")));
            }
        };
        if depth == 0 {
            self.sender_id = records.iter().find(|record| is_sender_id(record)).map(|record| printable(record));
        }
        let mut found = records.iter().filter(|record| is_spf_record(record));
        let (Some(text), further) = (found.next(), found.count()) else {
            return Ok(none(format!("{domain} has no SPF record among its TXT records")));
        };
        // §4.5: which of them is meant is not to be guessed.
        if further > 0 {
            let count = further.saturating_add(1);
            return Err(self.permerror(format!("{domain} has {count} SPF records where there must be one")));
        }
        let record = parse(text);
        let place = Place { text, domain, depth };
        self.step(&place, printable(text), "record");
        if let Some(error) = record.errors.first() {
            return Err(self.permerror(format!("the record of {domain} is malformed: {error}")));
        }
        self.record(&place, &record).await
    }

    /// Goes through the mechanisms, then `redirect=` (§4.6.2, §4.7).
    async fn record(&mut self, place: &Place<'_>, record: &Record) -> Result<Ended, Stop> {
        for (span, qualifier, mechanism) in record.directives() {
            let term = place.term(span);
            let step = self.step(place, term.clone(), "error");
            let Some(path) = self.directive(place, &term, mechanism).await? else {
                self.outcome(step, "no match");
                continue;
            };
            let result = qualifier.result();
            self.outcome(step, result.as_str());
            let explanation = record.explanation().filter(|_| result == SpfResult::Fail);
            return Ok(Ended {
                result,
                mechanism: Some(path.unwrap_or_else(|| self.located(&term))),
                reason: format!("{} matches `{term}` of {}", self.ip, place.domain),
                explanation: explanation.map(|explanation| (explanation.clone(), place.domain.to_owned())),
            });
        }
        match record.redirect() {
            Some((span, target)) => self.redirect(place, &place.term(span), target).await,
            None => Ok(Ended {
                result: SpfResult::Neutral,
                mechanism: None,
                reason: format!("no mechanism of {} matches {}", place.domain, self.ip),
                explanation: None,
            }),
        }
    }

    /// Whether a directive matches; with it, for `include`, the path to what matched.
    async fn directive(
        &mut self,
        place: &Place<'_>,
        term: &str,
        mechanism: &Mechanism,
    ) -> Result<Option<Option<String>>, Stop> {
        if mechanism.asks_dns() {
            self.count_lookup(term)?;
        }
        match mechanism {
            Mechanism::Include(target) => self.include(place, term, target).await,
            other => Ok(self.matches(place.domain, term, other).await?.then_some(None)),
        }
    }

    /// The table of §5.2: only `pass` matches; a domain without a record is an error.
    async fn include(
        &mut self,
        place: &Place<'_>,
        term: &str,
        target: &MacroString,
    ) -> Result<Option<Option<String>>, Stop> {
        let domain = self.domain(target, place.domain).await;
        self.path.push(term.to_owned());
        let ended = self.deeper(&domain, place.depth).await?;
        let matched = match ended.result {
            SpfResult::Pass => Some(Some(ended.mechanism.unwrap_or_default())),
            SpfResult::None => {
                return Err(self.permerror(format!("`{term}` leads to no record: {}", ended.reason)));
            }
            _ => None,
        };
        self.path.pop();
        Ok(matched)
    }

    /// `redirect=` (§6.1): the other record's result and explanation are this one's.
    async fn redirect(&mut self, place: &Place<'_>, term: &str, target: &MacroString) -> Result<Ended, Stop> {
        let step = self.step(place, term.to_owned(), "error");
        self.count_lookup(term)?;
        let domain = self.domain(target, place.domain).await;
        self.path.push(term.to_owned());
        let ended = self.deeper(&domain, place.depth).await?;
        if ended.result == SpfResult::None {
            return Err(self.permerror(format!("`{term}` leads to no record: {}", ended.reason)));
        }
        self.path.pop();
        self.outcome(step, ended.result.as_str());
        Ok(ended)
    }

    /// [`Evaluation::host`] one step further down: an asynchronous function cannot hold itself.
    fn deeper<'s>(
        &'s mut self,
        domain: &'s str,
        depth: usize,
    ) -> Pin<Box<dyn Future<Output = Result<Ended, Stop>> + Send + 's>> {
        Box::pin(self.host(domain, depth.saturating_add(1)))
    }

    fn count_lookup(&mut self, term: &str) -> Result<(), Stop> {
        self.lookups = self.lookups.saturating_add(1);
        if self.lookups > MAX_LOOKUPS {
            self.path.push(term.to_owned());
            return Err(self.permerror(format!("more than {MAX_LOOKUPS} terms ask DNS (RFC 7208 §4.6.4)")));
        }
        Ok(())
    }

    /// One more term whose questions found nothing (§4.6.4).
    pub(super) fn count_void(&mut self) -> Result<(), Stop> {
        self.void_lookups = self.void_lookups.saturating_add(1);
        if self.void_lookups > MAX_VOID_LOOKUPS {
            let reason = format!("more than {MAX_VOID_LOOKUPS} terms ask for names without records (RFC 7208 §4.6.4)");
            return Err(self.permerror(reason));
        }
        Ok(())
    }

    pub(super) fn temperror(&self, reason: String) -> Stop {
        Stop { result: SpfResult::TempError, mechanism: self.at(), reason }
    }

    pub(super) fn permerror(&self, reason: String) -> Stop {
        Stop { result: SpfResult::PermError, mechanism: self.at(), reason }
    }

    /// The terms that led here, where any did.
    fn at(&self) -> Option<String> {
        (!self.path.is_empty()).then(|| self.path.join(" > "))
    }

    fn located(&self, term: &str) -> String {
        match self.at() {
            Some(path) => format!("{path} > {term}"),
            None => term.to_owned(),
        }
    }

    /// Writes a step down and says where.
    fn step(&mut self, place: &Place<'_>, term: String, outcome: &str) -> usize {
        let at = self.trace.len();
        if at < MAX_TRACE {
            let (depth, domain, outcome) = (place.depth, place.domain.to_owned(), outcome.to_owned());
            self.trace.push(SpfStep { depth, domain, term, outcome });
            return at;
        }
        MAX_TRACE
    }

    fn outcome(&mut self, step: usize, outcome: &str) {
        if let Some(step) = self.trace.get_mut(step) {
            outcome.clone_into(&mut step.outcome);
        }
    }
}

/// Whether a domain can be checked at all (§4.3).
fn well_formed(domain: &str) -> Result<(), String> {
    let name = domain.strip_suffix('.').unwrap_or(domain);
    if name.is_empty() {
        Err("there is no domain to check".into())
    } else if name.starts_with('[') || name.parse::<IpAddr>().is_ok() {
        Err(format!("{name} is an address, not a domain"))
    } else if !name.contains('.') {
        Err(format!("{name} is one label, not a domain"))
    } else if can_be_asked(name) {
        Ok(())
    } else {
        Err(format!("{name} is malformed: an empty label, one of more than 63 bytes, or more than 253 in all"))
    }
}

/// Whether a name fits into a question (RFC 1035 §2.3.4).
pub(super) fn can_be_asked(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.len() <= 253 && name.split('.').all(|label| (1..=63).contains(&label.len()))
}

/// A record for the PRA by RFC 4406 §3.1: `spf2.0/`, scopes, and among them `pra`.
fn is_sender_id(record: &[u8]) -> bool {
    let version = record.split(|byte| *byte == b' ').next().unwrap_or_default().to_ascii_lowercase();
    let scopes = version.strip_prefix(b"spf2.0/");
    scopes.is_some_and(|scopes| scopes.split(|byte| *byte == b',').any(|scope| scope == b"pra"))
}

/// A stranger's bytes as text: what is not printable ASCII is replaced; at most 500 characters.
fn printable(text: &[u8]) -> String {
    let show = |byte: &u8| if *byte == b' ' || byte.is_ascii_graphic() { char::from(*byte) } else { '?' };
    text.iter().take(500).map(show).collect()
}

/// At most [`MAX_NAME`] bytes.
fn cut(name: &str) -> &str {
    name.get(..name.floor_char_boundary(MAX_NAME)).unwrap_or(name)
}
