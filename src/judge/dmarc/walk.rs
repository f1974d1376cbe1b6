//! The DNS tree walk (RFC 9989 §4.10): the DMARC records at a name and above it.
//!
//! Questions go from the name itself to its top-level domain, one label less each time. A name of more than eight labels is cut to
//! seven after the first question, so that nobody can make a receiver ask a hundred: at most eight are asked, and a record between the
//! first name and the seventh label from the right is never seen. A record with `psd=y` or `psd=n` ends the walk.

use std::collections::BTreeMap;

use crate::judge::{Dns, NoAnswer};
use crate::syntax::dmarc::{self, DmarcRecord, Psd};

/// A name of this many labels is what a longer one is cut to.
const LABELS: usize = 7;

/// A record that was found.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// Whose it is.
    pub(super) domain: String,
    /// Its text.
    pub(super) text: String,
    /// What it says.
    pub(super) record: DmarcRecord,
}

/// What a walk has found.
#[derive(Clone, Debug, Default)]
pub(super) struct Walk {
    /// The records, the longest name first.
    pub(super) found: Vec<Found>,
    /// Where DNS did not answer, and why; nothing above was asked.
    pub(super) failed: Option<String>,
}

impl Walk {
    /// The organizational domain of the name the walk began at (RFC 9989 §4.10.2).
    pub(super) fn organization(&self, start: &str) -> String {
        for Found { domain, record, .. } in &self.found {
            match record.psd() {
                Psd::No => return domain.clone(),
                Psd::Yes if domain != start => return one_label_below(domain, start).to_owned(),
                Psd::Yes | Psd::Unknown => {}
            }
        }
        // The fewest labels; or nothing was found, and then it is the name itself.
        self.found.last().map_or(start, |found| &found.domain).to_owned()
    }
}

/// The name below `suffix` that `name` is, or is under.
fn one_label_below<'a>(suffix: &str, name: &'a str) -> &'a str {
    let before = name.len().saturating_sub(suffix.len() + 1);
    let start = name.get(..before).and_then(|labels| labels.rfind('.')).map_or(0, |dot| dot + 1);
    name.get(start..).unwrap_or(name)
}

/// Where the record of a domain stands.
pub(super) fn record_name(domain: &str) -> String {
    format!("_dmarc.{domain}")
}

/// The names a walk asks about, in order: at most eight.
fn targets(domain: &str) -> impl Iterator<Item = &str> {
    let labels = domain.split('.').count();
    let starts = domain.match_indices('.').map(|(dot, _)| dot + 1);
    let above = starts.filter_map(|start| domain.get(start..)).skip(labels.saturating_sub(1 + LABELS));
    std::iter::once(domain).chain(above)
}

/// What DNS said about the record of one domain.
#[derive(Clone, Debug)]
enum Answer {
    Record(Box<Found>),
    /// No record; `exists` where the answer shows that the domain exists, because there is something below it (RFC 8020 §2).
    Nothing {
        exists: bool,
    },
    Failed(String),
}

/// DNS as one evaluation sees it: no question is asked twice.
pub(super) struct Tree<'a, D> {
    dns: &'a D,
    answers: BTreeMap<String, Answer>,
    queries: Vec<String>,
}

impl<'a, D: Dns> Tree<'a, D> {
    pub(super) fn new(dns: &'a D) -> Self {
        Self { dns, answers: BTreeMap::new(), queries: Vec::new() }
    }

    pub(super) fn into_queries(self) -> Vec<String> {
        self.queries
    }

    /// Walks up from `domain`.
    pub(super) async fn walk(&mut self, domain: &str) -> Walk {
        let mut walk = Walk::default();
        for target in targets(domain) {
            match self.record(target).await {
                Answer::Record(found) => {
                    let stop = found.record.psd() != Psd::Unknown;
                    walk.found.push(*found);
                    if stop {
                        break;
                    }
                }
                Answer::Nothing { .. } => {}
                Answer::Failed(why) => {
                    walk.failed = Some(why);
                    break;
                }
            }
        }
        walk
    }

    async fn record(&mut self, domain: &str) -> Answer {
        if let Some(known) = self.answers.get(domain) {
            return known.clone();
        }
        let name = record_name(domain);
        // RFC 1035 §2.3.4: a longer name cannot exist, and asking would look like a failure.
        let answer = if name.len() > 253 {
            Answer::Nothing { exists: false }
        } else {
            self.queries.push(format!("TXT {name}"));
            match self.dns.txt(&name).await {
                Ok(texts) => only_record(domain, &texts),
                Err(NoAnswer::NoData) => Answer::Nothing { exists: true },
                Err(NoAnswer::NxDomain) => Answer::Nothing { exists: false },
                Err(NoAnswer::Failed(why)) => Answer::Failed(format!("{name} TXT: {why}")),
            }
        };
        self.answers.insert(domain.to_owned(), answer.clone());
        answer
    }

    /// Whether `domain` exists: DNS does not say NXDOMAIN for it, whatever records it has or has not (RFC 9989 §3.2.13, RFC 8020 §2).
    ///
    /// # Errors
    /// Why, where DNS did not answer.
    pub(super) async fn exists(&mut self, domain: &str) -> Result<bool, String> {
        if matches!(self.answers.get(domain), Some(Answer::Record(_) | Answer::Nothing { exists: true })) {
            return Ok(true);
        }
        self.queries.push(format!("A {domain}"));
        match self.dns.ipv4(domain).await {
            Ok(_) | Err(NoAnswer::NoData) => Ok(true),
            Err(NoAnswer::NxDomain) => Ok(false),
            Err(NoAnswer::Failed(why)) => Err(format!("{domain} A: {why}")),
        }
    }
}

/// RFC 9989 §4.10 steps 2 and 6: what is no DMARC record does not count, and of several none does.
fn only_record(domain: &str, texts: &[Vec<u8>]) -> Answer {
    let mut records = texts.iter().filter_map(|text| Some((text, dmarc::parse(text)?)));
    match (records.next(), records.next()) {
        (Some((text, record)), None) => Answer::Record(Box::new(Found {
            domain: domain.to_owned(),
            text: String::from_utf8_lossy(text).into_owned(),
            record,
        })),
        _ => Answer::Nothing { exists: true },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::Zone;

    #[test]
    fn at_most_eight_names_are_asked_about() {
        let asked = |domain: &str| targets(domain).map(String::from).collect::<Vec<_>>();
        assert_eq!(asked("com"), ["com"]);
        assert_eq!(asked("a.mail.example.com"), ["a.mail.example.com", "mail.example.com", "example.com", "com"]);
        // RFC 9989 §4.10, the example.
        assert_eq!(
            asked("a.b.c.d.e.f.g.h.i.j.mail.example.com"),
            [
                "a.b.c.d.e.f.g.h.i.j.mail.example.com",
                "g.h.i.j.mail.example.com",
                "h.i.j.mail.example.com",
                "i.j.mail.example.com",
                "j.mail.example.com",
                "mail.example.com",
                "example.com",
                "com"
            ]
        );
        for labels in 1..130 {
            let domain = vec!["a"; labels].join(".");
            assert_eq!(asked(&domain).len(), labels.min(8), "{labels}");
            assert_eq!(asked(&domain).last().unwrap(), "a");
        }
        // Eight labels are walked without a gap, nine are not.
        assert_eq!(asked("a.b.c.d.e.f.g.h")[1], "b.c.d.e.f.g.h");
        assert_eq!(asked("a.b.c.d.e.f.g.h.i")[1], "c.d.e.f.g.h.i");
    }

    #[test]
    fn one_label_below_a_suffix() {
        assert_eq!(one_label_below("com", "a.mail.example.com"), "example.com");
        assert_eq!(one_label_below("bank.example", "giant.bank.example"), "giant.bank.example");
        assert_eq!(one_label_below("bank.example", "bank.example"), "bank.example");
    }

    #[tokio::test]
    async fn the_organization_by_psd() {
        for (records, start, organization) in [
            (&[][..], "a.mail.example.com", "a.mail.example.com"),
            // The three examples of RFC 9989 §4.10.2.
            (&[("mail.example.com", ""), ("example.com", "")], "a.mail.example.com", "example.com"),
            (&[("mail.example.com", "psd=n"), ("example.com", "")], "a.mail.example.com", "mail.example.com"),
            (&[("com", "psd=y")], "a.mail.example.com", "example.com"),
            // psd=y at the start does not count, but ends the walk; psd=u is nothing.
            (&[("example.com", "psd=y"), ("com", "")], "example.com", "example.com"),
            (&[("example.com", "psd=u"), ("com", "")], "example.com", "com"),
            (&[("example.com", "psd=n"), ("com", "psd=y")], "example.com", "example.com"),
        ] {
            let zone = records.iter().fold(Zone::default(), |zone, (name, psd)| {
                zone.txt(&record_name(name), format!("v=DMARC1; p=none; {psd}"))
            });
            let walk = Tree::new(&zone).walk(start).await;
            assert_eq!(walk.organization(start), organization, "{records:?} {start}");
        }
    }

    #[tokio::test]
    async fn a_long_name_is_not_asked_about() {
        let long = format!("{}.example", vec!["abcdefghi"; 24].join("."));
        assert!(long.len() <= 253 && record_name(&long).len() > 253);
        let zone = Zone::default();
        let mut tree = Tree::new(&zone);
        assert!(tree.walk(&long).await.failed.is_none());
        assert_eq!(zone.asked().len(), 7);
    }
}
