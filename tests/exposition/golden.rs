//! The complete exposition and the reference, against the committed files. `LANDFALL_BLESS=1` writes them anew.

use std::path::Path;
use std::sync::Arc;

use landfall::metrics::{Format, Kind, Metrics, Process, families, reference};
use landfall::model::{MailboxState, Outcome, Snapshot};

use crate::sample;
use crate::text::parse;

pub const TEXT: &str = "tests/data/metrics.golden.txt";
pub const OPEN_METRICS: &str = "tests/data/metrics.openmetrics.golden.txt";

fn same_as_file(path: &str, now: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("LANDFALL_BLESS").is_some() {
        std::fs::write(&path, now).unwrap();
    }
    let file = std::fs::read_to_string(&path).unwrap_or_default();
    if let Some((line, (now, file))) = now.lines().zip(file.lines()).enumerate().find(|(_, (a, b))| a != b) {
        panic!("{}:{}: is\n{now}\nwas\n{file}\n(LANDFALL_BLESS=1 writes it anew)", path.display(), line + 1);
    }
    assert_eq!(now.len(), file.len(), "{} has another length (LANDFALL_BLESS=1 writes it anew)", path.display());
}

#[test]
fn the_exposition_is_the_golden_one() {
    same_as_file(TEXT, &sample::full().render(Format::Text).unwrap());
    same_as_file(OPEN_METRICS, &sample::full().render(Format::OpenMetrics).unwrap());
}

#[test]
fn the_reference_is_current() {
    same_as_file("docs/metrics.md", &reference());
}

#[test]
fn every_family_is_as_its_descriptor_says() {
    let parsed = parse(&sample::full().render(Format::Text).unwrap());
    let types: Vec<_> = families().map(|f| (f.name.to_owned(), f.kind.as_str().to_owned())).collect();
    assert_eq!(parsed.types, types, "the sample shows every family, in order");
    for family in families() {
        assert_eq!(parsed.help[family.name], format!("{}.", family.help));
        let samples = parsed.samples.iter().filter(|s| match family.kind {
            Kind::Histogram => {
                s.name.strip_prefix(family.name).is_some_and(|end| ["_sum", "_count", "_bucket"].contains(&end))
            }
            Kind::Counter | Kind::Gauge => s.name == family.name,
        });
        let mut count = 0;
        for sample in samples {
            count += 1;
            let labels: Vec<_> =
                sample.labels.iter().map(|(name, _)| name.as_str()).filter(|name| *name != "le").collect();
            assert_eq!(labels, family.labels, "{}", family.name);
        }
        assert!(count > 0, "{}", family.name);
    }
}

#[test]
fn both_formats_have_the_same_samples() {
    let samples = |format| -> Vec<_> {
        let text = sample::full().render(format).unwrap();
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    };
    assert_eq!(samples(Format::Text), samples(Format::OpenMetrics));
    let open = sample::full().render(Format::OpenMetrics).unwrap();
    assert!(open.ends_with("\n# EOF\n"));
    assert!(open.contains("# UNIT landfall_delivery_duration_seconds seconds\n"));
    let text = sample::full().render(Format::Text).unwrap();
    assert!(!text.contains("# EOF") && !text.contains("# UNIT") && !text.contains("_created"));
}

#[test]
fn events_are_counted_where_they_belong() {
    let parsed = parse(&sample::full().render(Format::Text).unwrap());
    let way = [("route", "ses"), ("mailbox", "gmail-1")];
    let with = |more: &[(&'static str, &'static str)]| [&way, more].concat();
    let settled = "landfall_seeds_settled_total";
    assert_eq!(parsed.value(settled, &with(&[("outcome", "inbox")])), Some(1.0));
    assert_eq!(parsed.value(settled, &with(&[("outcome", "missing")])), Some(0.0), "starts at 0");
    assert_eq!(parsed.count(settled), 4 * Outcome::ALL.len());
    let unexpected =
        |route, mailbox| parsed.value("landfall_seeds_unexpected_total", &[("route", route), ("mailbox", mailbox)]);
    assert_eq!(unexpected("direct", "gmail-1"), Some(1.0));
    assert_eq!(unexpected("ses", "qq-1"), Some(0.0), "unobserved is nobody's fault");
    let auth = "landfall_auth_results_total";
    assert_eq!(parsed.value(auth, &with(&[("method", "dkim"), ("result", "pass")])), Some(1.0));
    assert_eq!(parsed.value(auth, &with(&[("method", "dkim"), ("result", "fail")])), Some(0.0), "one a seed");
    assert_eq!(parsed.value(auth, &with(&[("method", "dmarc"), ("result", "other")])), Some(1.0));
    assert_eq!(parsed.value(auth, &[("route", "direct"), ("method", "dkim"), ("result", "other")]), Some(1.0));
    assert_eq!(parsed.value(auth, &[("method", "iprev")]), None);
    let delivery = "landfall_delivery_duration_seconds_bucket";
    assert_eq!(parsed.value(delivery, &with(&[("le", "1.0")])), Some(0.0));
    assert_eq!(parsed.value(delivery, &with(&[("le", "2.5")])), Some(1.0));
    assert_eq!(parsed.value("landfall_delivery_duration_seconds_sum", &way), Some(1.5));
    let connect = [("route", "direct"), ("phase", "connect")];
    assert_eq!(parsed.value("landfall_handoff_duration_seconds_count", &connect), Some(1.0));
    assert_eq!(
        parsed.value("landfall_handoff_duration_seconds_bucket", &[connect[0], connect[1], ("le", "120.0")]),
        Some(0.0)
    );
    assert_eq!(
        parsed.value("landfall_handoff_duration_seconds_count", &[("route", "direct"), ("phase", "data")]),
        None
    );
}

#[test]
fn state_is_what_the_snapshot_knows_and_nothing_else() {
    let parsed = parse(&sample::full().render(Format::Text).unwrap());
    let last = |route, outcome| {
        let labels = [("route", route), ("mailbox", "gmail-1"), ("outcome", outcome)];
        parsed.value("landfall_last_outcome", &labels)
    };
    assert_eq!((last("direct", "spam"), last("direct", "inbox")), (Some(1.0), Some(0.0)));
    assert_eq!(
        parsed.value("landfall_last_outcome", &[("mailbox", "qq-1"), ("outcome", "inbox"), ("route", "ses")]),
        None
    );
    assert_eq!(parsed.count("landfall_finding"), 2, "one a rule");
    assert_eq!(parsed.value("landfall_mailbox_up", &[("mailbox", "qq-1")]), Some(0.0));
    assert_eq!(parsed.value("landfall_mailbox_up", &[("mailbox", "never-tried")]), None);
    assert_eq!(parsed.value("landfall_mailbox_last_read_timestamp_seconds", &[("mailbox", "qq-1")]), None);
    assert_eq!(parsed.value("landfall_route_up", &[("route", "ses")]), Some(1.0), "a refusal is an answer");
    assert_eq!(parsed.value("landfall_route_up", &[("route", "direct")]), Some(0.0));
    assert_eq!(parsed.count("landfall_route_up"), 2);
    let pending = |route, mailbox| parsed.value("landfall_seeds_pending", &[("route", route), ("mailbox", mailbox)]);
    assert_eq!(pending("ses", "gmail-1"), Some(1.0));
    assert_eq!(pending("direct", "qq-1"), Some(0.0), "nothing under way is known");
    assert_eq!(pending("ses", "removed"), Some(1.0), "a removed lane's seed is still under way");
    assert_eq!(parsed.value("landfall_last_settled_timestamp_seconds", &[("route", "ses")]), Some(1_767_225_690.0));
}

#[test]
fn of_an_empty_world_nothing_is_said() {
    let exposition = landfall::metrics::Exposition::new(
        sample::shared(Snapshot::default()),
        Metrics::new(),
        sample::build(),
        sample::at(0),
        Process::default,
    );
    let parsed = parse(&exposition.render(Format::Text).unwrap());
    let names: Vec<_> = parsed.types.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["landfall_store_errors_total", "landfall_build_info", "process_start_time_seconds"]);
}

#[test]
fn removed_targets_vanish_and_a_clone_counts_into_the_same_series() {
    let shared = sample::shared(Snapshot::default());
    let metrics = Metrics::new();
    let exposition = sample::exposition(shared.clone(), metrics.clone());
    let up = || parse(&exposition.render(Format::Text).unwrap()).value("landfall_mailbox_up", &[("mailbox", "m")]);
    assert_eq!(up(), None);
    let state = MailboxState { up: Some(true), ..MailboxState::default() };
    shared.store(Snapshot { mailboxes: Arc::new([("m".into(), state)].into()), ..Snapshot::default() }.into());
    assert_eq!(up(), Some(1.0));
    shared.store(Snapshot::default().into());
    assert_eq!(up(), None);
    metrics.seed_late(&sample::lane("p", "r", "m"), &"generic".into());
    let parsed = parse(&exposition.render(Format::Text).unwrap());
    assert_eq!(parsed.value("landfall_seeds_late_total", &[("mailbox", "m")]), Some(1.0));
}

#[test]
fn reading_the_plan_again_keeps_what_was_counted() {
    let plan = sample::plan(&["ses"], &[("gmail-1", "gmail")]);
    let metrics = Metrics::new();
    metrics.expect(&plan);
    metrics.seed_settled(&sample::settled(&sample::lane("receipts", "ses", "gmail-1"), "gmail", Outcome::Inbox));
    metrics.expect(&plan);
    let exposition = sample::exposition(sample::shared(Snapshot::default()), metrics);
    let parsed = parse(&exposition.render(Format::Text).unwrap());
    assert_eq!(parsed.value("landfall_seeds_settled_total", &[("outcome", "inbox")]), Some(1.0));
}

#[test]
fn label_values_are_escaped() {
    let hostile = "a\"b\\c\nlandfall_forged 1\nd{\u{e9}},";
    let metrics = Metrics::new();
    metrics.seed_late(&sample::lane("p", "r", hostile), &"generic".into());
    let state = MailboxState { up: Some(true), ..MailboxState::default() };
    let snapshot = Snapshot { mailboxes: Arc::new([(hostile.into(), state)].into()), ..Snapshot::default() };
    let exposition = sample::exposition(sample::shared(snapshot), metrics);
    for format in [Format::Text, Format::OpenMetrics] {
        let parsed = parse(&exposition.render(format).unwrap());
        assert_eq!(parsed.value("landfall_mailbox_up", &[("mailbox", hostile)]), Some(1.0));
        assert_eq!(parsed.value("landfall_seeds_late_total", &[("mailbox", hostile)]), Some(1.0));
        assert_eq!(parsed.count("landfall_forged"), 0);
    }
}
