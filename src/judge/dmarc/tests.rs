//! Policies, alignment and the tree walk over DNS as data, with the queries counted.

use super::*;
use crate::judge::Zone;

const REJECT: &str = "v=DMARC1; p=reject";

fn zone(records: &[(&str, &str)]) -> Zone {
    records.iter().fold(Zone::default(), |zone, (domain, record)| zone.txt(&format!("_dmarc.{domain}"), record))
}

fn dkim(domain: &str) -> Identifier {
    Identifier { method: Method::Dkim, domain: domain.into(), checked: Checked::Pass }
}

fn spf(domain: &str) -> Identifier {
    Identifier { method: Method::Spf, ..dkim(domain) }
}

fn but(checked: Checked, identifier: Identifier) -> Identifier {
    Identifier { checked, ..identifier }
}

async fn judged(zone: &Zone, author: &str, identifiers: &[Identifier]) -> DmarcVerdict {
    let verdict =
        evaluate(zone, &DmarcInput { author: Author::domain(author), identifiers: identifiers.to_vec() }).await;
    assert_eq!(verdict.queries, zone.asked(), "{verdict:?}");
    verdict
}

fn applied(policy: Policy, published: Policy, source: PolicySource) -> Option<Applied> {
    Some(Applied { policy, published, source, testing: policy != published })
}

#[tokio::test]
async fn the_verdict_and_its_words() {
    let zone = zone(&[("shop.example", "v=DMARC1; p=quarantine; adkim=s")]);
    let verdict = judged(&zone, "shop.example", &[spf("bounce.shop.example"), dkim("relay.example")]).await;
    assert_eq!(verdict.result, DmarcResult::Pass);
    assert_eq!(verdict.author_domain.as_deref(), Some("shop.example"));
    assert_eq!(verdict.record_domain.as_deref(), Some("shop.example"));
    assert_eq!(verdict.policy_published_at.as_deref(), Some("_dmarc.shop.example"));
    assert_eq!(verdict.record.as_deref(), Some("v=DMARC1; p=quarantine; adkim=s"));
    assert_eq!(verdict.organizational_domain.as_deref(), Some("shop.example"));
    assert_eq!(verdict.policy, applied(Policy::Quarantine, Policy::Quarantine, PolicySource::P));
    assert_eq!(
        verdict.reasons,
        [
            "shop.example asks for quarantine.",
            "SPF passed for bounce.shop.example; it is of the same organization as shop.example.",
            "DKIM passed for relay.example; it is not exactly shop.example, as the record demands.",
        ]
    );
    assert_eq!(verdict.queries, ["TXT _dmarc.shop.example", "TXT _dmarc.example", "TXT _dmarc.bounce.shop.example"]);
}

/// The relay signs and bounces under its own name: everything passes, nothing aligns.
#[tokio::test]
async fn a_relays_own_domains_do_not_help_and_are_not_walked() {
    let zone = zone(&[("shop.example", REJECT), ("amazonses.test", REJECT)]);
    let verdict = judged(&zone, "shop.example", &[spf("eu-west-1.amazonses.test"), dkim("amazonses.test")]).await;
    assert_eq!(verdict.result, DmarcResult::Fail);
    assert_eq!(verdict.alignments.iter().map(|a| a.aligned).collect::<Vec<_>>(), [Some(false), Some(false)]);
    assert_eq!(verdict.queries, ["TXT _dmarc.shop.example", "TXT _dmarc.example"]);
}

#[tokio::test]
async fn without_a_record_there_is_no_verdict() {
    let empty = Zone::default();
    let verdict = judged(&empty, "a.shop.example", &[dkim("a.shop.example")]).await;
    assert_eq!((verdict.result, verdict.policy, verdict.alignments.len()), (DmarcResult::None, None, 0));
    assert_eq!(verdict.queries.len(), 3);
}

#[tokio::test]
async fn the_from_field_must_name_one_domain() {
    let zone = zone(&[("shop.example", REJECT)]);
    let input = |author| DmarcInput { author, identifiers: vec![dkim("shop.example")] };
    let several = Author::Several(vec!["shop.example".into(), "other.example".into()]);
    assert_eq!(evaluate(&zone, &input(several)).await.result, DmarcResult::None);
    assert_eq!(evaluate(&zone, &input(Author::Missing)).await.result, DmarcResult::PermError);
    assert!(zone.asked().is_empty());
}

#[tokio::test]
async fn alignment() {
    use Checked::{Fail, TempError};
    let relaxed = ("shop.example", REJECT);
    let strict = ("shop.example", "v=DMARC1; p=reject; adkim=s; aspf=s");
    for (record, author, identifiers, result) in [
        (relaxed, "shop.example", vec![dkim("SHOP.Example.")], DmarcResult::Pass),
        (relaxed, "shop.example", vec![dkim("mail.shop.example")], DmarcResult::Pass),
        (relaxed, "mail.shop.example", vec![dkim("shop.example")], DmarcResult::Pass),
        (relaxed, "a.shop.example", vec![spf("b.shop.example")], DmarcResult::Pass),
        (relaxed, "shop.example", vec![dkim("ashop.example")], DmarcResult::Fail),
        (relaxed, "shop.example", vec![dkim("example")], DmarcResult::Fail),
        (relaxed, "shop.example", vec![dkim("not a domain")], DmarcResult::Fail),
        (relaxed, "shop.example", vec![], DmarcResult::Fail),
        (relaxed, "shop.example", vec![dkim("relay.test"), spf("shop.example")], DmarcResult::Pass),
        (strict, "shop.example", vec![dkim("shop.example")], DmarcResult::Pass),
        (strict, "shop.example", vec![dkim("mail.shop.example"), spf("mail.shop.example")], DmarcResult::Fail),
        (strict, "mail.shop.example", vec![dkim("shop.example")], DmarcResult::Fail),
        // What did not pass helps nobody; what may yet pass leaves it open, but only where it would align.
        (relaxed, "shop.example", vec![but(Fail, dkim("shop.example"))], DmarcResult::Fail),
        (relaxed, "shop.example", vec![but(TempError, dkim("shop.example"))], DmarcResult::TempError),
        (relaxed, "shop.example", vec![but(TempError, dkim("relay.test"))], DmarcResult::Fail),
        (relaxed, "shop.example", vec![but(TempError, dkim("shop.example")), spf("shop.example")], DmarcResult::Pass),
    ] {
        let verdict = judged(&zone(&[record]), author, &identifiers).await;
        assert_eq!(verdict.result, result, "{verdict:#?}");
    }
}

#[tokio::test]
async fn two_siblings_without_a_parents_record_are_strangers() {
    // Where the Public Suffix List would see one organization.
    let zone = zone(&[("a.shop.example", REJECT), ("b.shop.example", REJECT)]);
    assert_eq!(judged(&zone, "a.shop.example", &[dkim("b.shop.example")]).await.result, DmarcResult::Fail);
}

#[tokio::test]
async fn a_boundary_between_identifier_and_author() {
    let zone = zone(&[("shop.example", REJECT), ("dept.shop.example", "v=DMARC1; p=none; psd=n")]);
    let verdict = judged(&zone, "shop.example", &[dkim("x.dept.shop.example")]).await;
    assert_eq!(verdict.result, DmarcResult::Fail, "dept is an organization of its own");
    let verdict = judged_again(&zone, "a.dept.shop.example", &[dkim("b.dept.shop.example")]).await;
    assert_eq!(verdict.result, DmarcResult::Pass);
    assert_eq!(verdict.organizational_domain.as_deref(), Some("dept.shop.example"));
    assert_eq!(verdict.policy, applied(Policy::None, Policy::None, PolicySource::Sp));
}

async fn judged_again(zone: &Zone, author: &str, identifiers: &[Identifier]) -> DmarcVerdict {
    evaluate(zone, &DmarcInput { author: Author::domain(author), identifiers: identifiers.to_vec() }).await
}

#[tokio::test]
async fn whose_record_applies() {
    for (records, author, at, organization) in [
        (
            vec![("a.shop.example", REJECT), ("shop.example", REJECT)],
            "a.shop.example",
            Some("a.shop.example"),
            "shop.example",
        ),
        (vec![("shop.example", REJECT)], "a.b.shop.example", Some("shop.example"), "shop.example"),
        // The intermediate record is passed over: the organization's counts.
        (
            vec![("b.shop.example", REJECT), ("shop.example", REJECT)],
            "a.b.shop.example",
            Some("shop.example"),
            "shop.example",
        ),
        // A public suffix's record applies below it, and its customers are organizations.
        (vec![("bank", "v=DMARC1; p=reject; psd=y")], "a.giant.bank", Some("bank"), "giant.bank"),
        (
            vec![("bank", "v=DMARC1; p=reject; psd=y"), ("giant.bank", REJECT)],
            "a.giant.bank",
            Some("giant.bank"),
            "giant.bank",
        ),
        // An intermediate record below a public suffix that is not the organization's does not count.
        (
            vec![("bank", "v=DMARC1; p=reject; psd=y"), ("b.giant.bank", REJECT)],
            "a.b.giant.bank",
            Some("bank"),
            "giant.bank",
        ),
        (vec![("bank", "v=DMARC1; p=reject; psd=y")], "bank", Some("bank"), "bank"),
        (vec![("com", REJECT)], "a.shop.com", Some("com"), "com"),
    ] {
        let verdict = judged(&zone(&records), author, &[]).await;
        assert_eq!(verdict.record_domain.as_deref(), at, "{records:?} {author}");
        assert_eq!(verdict.organizational_domain.as_deref(), Some(organization), "{records:?} {author}");
    }
}

#[tokio::test]
async fn which_policy_applies() {
    use Policy::{None, Quarantine, Reject};
    let tags = "v=DMARC1; p=reject; sp=quarantine; np=none";
    for (record, author, expected, asks) in [
        (tags, "shop.example", applied(Reject, Reject, PolicySource::P), 2),
        (tags, "real.shop.example", applied(Quarantine, Quarantine, PolicySource::Sp), 4),
        (tags, "unreal.shop.example", applied(None, None, PolicySource::Np), 4),
        // There is something below it, so it exists, and the first answer shows it.
        (tags, "deep.shop.example", applied(Quarantine, Quarantine, PolicySource::Sp), 3),
        ("v=DMARC1; p=reject; sp=none", "unreal.shop.example", applied(None, None, PolicySource::Sp), 3),
        ("v=DMARC1; p=reject", "unreal.shop.example", applied(Reject, Reject, PolicySource::Sp), 3),
        ("v=DMARC1; p=reject; np=reject", "unreal.shop.example", applied(Reject, Reject, PolicySource::Sp), 3),
        ("v=DMARC1; p=reject; t=y", "shop.example", applied(Quarantine, Reject, PolicySource::P), 2),
        ("v=DMARC1; p=none; sp=quarantine; t=y", "real.shop.example", applied(None, Quarantine, PolicySource::Sp), 3),
        ("v=DMARC1; p=none; np=reject; t=y", "unreal.shop.example", applied(Quarantine, Reject, PolicySource::Np), 4),
        (
            "v=DMARC1; p=rejekt; rua=mailto:a@b.example",
            "shop.example",
            applied(None, None, PolicySource::InvalidRecord),
            2,
        ),
        (
            "v=DMARC1; p=reject; sp=x; rua=mailto:a@b.example",
            "shop.example",
            applied(None, None, PolicySource::InvalidRecord),
            2,
        ),
    ] {
        let zone = zone(&[("shop.example", record)])
            .mx("real.shop.example", 10, "mx.shop.example")
            .txt("x._dmarc.deep.shop.example", "anything");
        let verdict = judged(&zone, author, &[]).await;
        assert_eq!((verdict.result, verdict.policy), (DmarcResult::Fail, expected), "{record} {author}");
        assert_eq!(verdict.queries.len(), asks, "{record} {author}: {:?}", verdict.queries);
    }
    let none = judged(&zone(&[("shop.example", "v=DMARC1; p=none; t=y")]), "shop.example", &[]).await;
    assert_eq!(none.policy, Some(Applied { policy: None, published: None, source: PolicySource::P, testing: true }));
}

#[tokio::test]
async fn a_record_too_broken_to_apply() {
    let zone = zone(&[("a.shop.example", "v=DMARC1; p=rejekt"), ("shop.example", REJECT)]);
    let verdict = judged(&zone, "a.shop.example", &[dkim("a.shop.example")]).await;
    assert_eq!((verdict.result, verdict.policy), (DmarcResult::None, None));
    assert_eq!(verdict.record_domain.as_deref(), Some("a.shop.example"));
    assert_eq!(
        verdict.reasons,
        ["The DMARC record of a.shop.example has no valid policy and no valid rua address, so it is not applied."]
    );
}

#[tokio::test]
async fn several_records_at_one_name_are_none_there_and_the_walk_goes_on() {
    let zone = zone(&[
        ("a.shop.example", REJECT),
        ("a.shop.example", "v=DMARC1; p=none"),
        ("shop.example", "v=DMARC1; p=quarantine"),
    ]);
    let verdict = judged(&zone, "a.shop.example", &[]).await;
    assert_eq!(verdict.record_domain.as_deref(), Some("shop.example"));
    assert_eq!(verdict.policy, applied(Policy::Quarantine, Policy::Quarantine, PolicySource::Sp));
}

#[tokio::test]
async fn silence_of_dns() {
    let dkim_same = [dkim("a.shop.example")];
    let dkim_parent = [dkim("shop.example")];
    let dkim_other = [dkim("relay.test")];
    let own = ("a.shop.example", REJECT);
    let parent = ("shop.example", REJECT);
    for (records, silent, identifiers, result, asks) in [
        // Nobody knows whether there is a policy.
        (vec![own], "_dmarc.a.shop.example", &dkim_same, DmarcResult::TempError, 1),
        (vec![parent], "_dmarc.a.shop.example", &dkim_same, DmarcResult::TempError, 1),
        (vec![], "_dmarc.shop.example", &dkim_same, DmarcResult::TempError, 2),
        // The policy may be that of a name above, so what was found does not count.
        (vec![parent], "_dmarc.example", &dkim_same, DmarcResult::TempError, 3),
        // The domain's own record is enough, unless the organization matters.
        (vec![own], "_dmarc.example", &dkim_same, DmarcResult::Pass, 3),
        (vec![own], "_dmarc.example", &dkim_parent, DmarcResult::TempError, 3),
        (vec![own], "_dmarc.example", &dkim_other, DmarcResult::Fail, 3),
    ] {
        let zone = zone(&records).failing(silent);
        let verdict = judged(&zone, "a.shop.example", identifiers).await;
        assert_eq!(verdict.result, result, "{records:?} {silent} {:?}", verdict.reasons);
        assert_eq!(verdict.queries.len(), asks, "{records:?} {silent} {:?}", verdict.queries);
    }
}

#[tokio::test]
async fn silence_about_an_identifier() {
    let zone = zone(&[("shop.example", REJECT)]).failing("_dmarc.mail.shop.example");
    let verdict = judged_again(&zone, "shop.example", &[dkim("mail.shop.example")]).await;
    assert_eq!((verdict.result, verdict.alignments[0].aligned), (DmarcResult::TempError, None));
    let failed = but(Checked::Fail, dkim("mail.shop.example"));
    assert_eq!(judged_again(&zone, "shop.example", &[failed]).await.result, DmarcResult::Fail);
    let both = [dkim("mail.shop.example"), spf("shop.example")];
    assert_eq!(judged_again(&zone, "shop.example", &both).await.result, DmarcResult::Pass);
}

#[tokio::test]
async fn silence_about_whether_the_domain_exists() {
    let zone = zone(&[("shop.example", "v=DMARC1; p=reject; np=none")]).failing("a.shop.example");
    let verdict = judged(&zone, "a.shop.example", &[dkim("shop.example")]).await;
    assert_eq!((verdict.result, verdict.policy), (DmarcResult::Pass, None), "alignment does not depend on it");
    assert!(verdict.reasons[0].contains("a.shop.example A: SERVFAIL"), "{:?}", verdict.reasons);
}

#[tokio::test]
async fn identifiers_are_bounded_and_nothing_is_asked_twice() {
    let zone = zone(&[("shop.example", REJECT)]);
    let many: Vec<_> = (0..100).map(|n| dkim(&format!("a.b.c.d.e.f.g.h.i.j.s{n}.shop.example"))).collect();
    let verdict = judged(&zone, "shop.example", &many).await;
    assert_eq!(verdict.alignments.len(), MAX_IDENTIFIERS);
    // Two for the author, and six for each identifier; the two above shop.example are known.
    assert_eq!(verdict.queries.len(), 2 + 6 * MAX_IDENTIFIERS);
    let mut unique = verdict.queries.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), verdict.queries.len());
}
