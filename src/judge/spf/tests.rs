//! Evaluation over DNS as data, the limits among it.

use super::*;
use crate::judge::Zone;

fn request(ip: &str, mail_from: &str) -> SpfRequest {
    SpfRequest {
        ip: ip.parse().unwrap(),
        mail_from: mail_from.into(),
        helo: "mail.relay.example".into(),
        receiver: "mx.receiver.example".into(),
        now: Timestamp::from_second(1_700_000_000).unwrap(),
    }
}

async fn of(zone: &Zone, ip: &str, mail_from: &str) -> SpfVerdict {
    check(zone, &request(ip, mail_from)).await
}

#[tokio::test]
async fn which_identity_is_checked() {
    let zone = Zone::default()
        .txt("shop.example", "v=spf1 ip4:192.0.2.1 -all")
        .txt("mail.relay.example", "v=spf1 ip4:192.0.2.2 -all");
    let verdict = of(&zone, "192.0.2.1", "a@Shop.Example").await;
    assert_eq!(
        (verdict.result, verdict.identity, verdict.domain.as_str()),
        (SpfResult::Pass, SpfIdentity::MailFrom, "shop.example")
    );
    for empty in ["", "<>"] {
        let verdict = of(&zone, "192.0.2.2", empty).await;
        assert_eq!(
            (verdict.result, verdict.identity, verdict.domain.as_str()),
            (SpfResult::Pass, SpfIdentity::Helo, "mail.relay.example")
        );
    }
    let pra = pra(b"From: Shop <no-reply@shop.example>\r\n").unwrap();
    let verdict = check_pra(&zone, &request("192.0.2.2", "bounce@mail.relay.example"), &pra).await;
    assert_eq!((verdict.verdict.result, verdict.verdict.identity), (SpfResult::Fail, SpfIdentity::Pra));
    assert_eq!(verdict.sender_id, None);
}

#[tokio::test]
async fn a_record_for_the_pra_is_noted_and_not_evaluated() {
    let zone = Zone::default().txt("shop.example", "v=spf1 -all").txt("shop.example", "spf2.0/mfrom,pra +all");
    let pra = Pra { field: PraField::From, mailbox: "a@shop.example".into() };
    let verdict = check_pra(&zone, &request("192.0.2.1", "x@y.example"), &pra).await;
    assert_eq!(
        (verdict.verdict.result, verdict.sender_id.as_deref()),
        (SpfResult::Fail, Some("spf2.0/mfrom,pra +all"))
    );
    assert_eq!(zone.asked(), ["TXT shop.example"]);
}

#[tokio::test]
async fn the_deciding_term_and_the_way_to_it() {
    let zone = Zone::default()
        .txt("shop.example", "v=spf1 a:www.shop.example include:relay.example ~all")
        .address("www.shop.example", "192.0.2.9")
        .txt("relay.example", "v=spf1 redirect=_spf.relay.example")
        .txt("_spf.relay.example", "v=spf1 ip4:198.51.100.0/24 ip6:2001:db8::/32 -all");
    let verdict = of(&zone, "198.51.100.77", "a@shop.example").await;
    assert_eq!(
        verdict.mechanism.as_deref(),
        Some("include:relay.example > redirect=_spf.relay.example > ip4:198.51.100.0/24")
    );
    assert_eq!((verdict.result, verdict.lookups, verdict.void_lookups), (SpfResult::Pass, 3, 0));
    assert_eq!(verdict.reason, "198.51.100.77 matches `include:relay.example` of shop.example");
    let steps: Vec<_> = verdict.trace.iter().map(|step| (step.depth, step.outcome.as_str())).collect();
    assert_eq!(
        steps,
        [(0, "record"), (0, "no match"), (0, "pass"), (1, "record"), (1, "pass"), (2, "record"), (2, "pass")]
    );
    // Also by a mapped address.
    assert_eq!(of(&zone, "::ffff:198.51.100.77", "a@shop.example").await.result, SpfResult::Pass);
    let verdict = of(&zone, "203.0.113.1", "a@shop.example").await;
    assert_eq!((verdict.result, verdict.mechanism.as_deref()), (SpfResult::SoftFail, Some("~all")));
}

#[tokio::test]
async fn nobody_answered_is_not_no_record() {
    let zone = Zone::default()
        .failing("down.example")
        .txt("text.example", "hello")
        .txt("shop.example", "v=spf1 include:down.example -all")
        .txt("a.example", "v=spf1 a:down.example -all")
        .txt("ptr.example", "v=spf1 ptr ?all")
        .ptr("192.0.2.1", "down.example");
    for (domain, result) in [
        ("down.example", SpfResult::TempError),
        ("shop.example", SpfResult::TempError),
        ("a.example", SpfResult::TempError),
        // RFC 7208 §5.5: errors about the client's own names are no match.
        ("ptr.example", SpfResult::Neutral),
        ("text.example", SpfResult::None),
        ("absent.example", SpfResult::None),
        ("localhost", SpfResult::None),
        ("[192.0.2.1]", SpfResult::None),
        ("192.0.2.1", SpfResult::None),
        ("a..example", SpfResult::None),
    ] {
        assert_eq!(of(&zone, "192.0.2.1", &format!("a@{domain}")).await.result, result, "{domain}");
    }
    let verdict = of(&zone, "192.0.2.1", "a@shop.example").await;
    assert_eq!(verdict.reason, "DNS did not answer for the record of down.example: SERVFAIL");
    assert_eq!(verdict.mechanism.as_deref(), Some("include:down.example"));
}

#[tokio::test]
async fn what_makes_a_record_unusable_is_said() {
    let zone = Zone::default()
        .txt("two.example", "v=spf1 -all")
        .txt("two.example", "v=spf1 +all")
        .txt("typo.example", "v=spf1 ipv4:192.0.2.1 -all")
        .txt("shop.example", "v=spf1 include:typo.example -all")
        .txt("gone.example", "v=spf1 include:absent.example -all");
    for (domain, reason) in [
        ("two.example", "two.example has 2 SPF records where there must be one"),
        (
            "shop.example",
            "the record of typo.example is malformed: \"ipv4:192.0.2.1\" at byte 7: \
             expected a mechanism: all, include, a, mx, ptr, ip4, ip6 or exists",
        ),
        (
            "gone.example",
            "`include:absent.example` leads to no record: absent.example has no SPF record: the name does not exist",
        ),
    ] {
        let verdict = of(&zone, "192.0.2.1", &format!("a@{domain}")).await;
        assert_eq!((verdict.result, verdict.reason.as_str()), (SpfResult::PermError, reason));
    }
}

/// A domain whose record has `count` terms that ask DNS.
fn asking(count: usize) -> Zone {
    let terms = " exists:here.example".repeat(count.saturating_sub(1));
    Zone::default()
        .txt("shop.example", format!("v=spf1{} -include:none.example +all", terms.replace("exists", "-ptr")))
        .txt("none.example", "v=spf1 -all")
        .address("here.example", "192.0.2.1")
        .ptr("198.51.100.1", "client.example")
}

#[tokio::test]
async fn ten_terms_may_ask() {
    let verdict = of(&asking(10), "198.51.100.1", "a@shop.example").await;
    assert_eq!((verdict.result, verdict.lookups), (SpfResult::Pass, 10));
    let verdict = of(&asking(11), "198.51.100.1", "a@shop.example").await;
    assert_eq!((verdict.result, verdict.lookups), (SpfResult::PermError, 11));
    assert_eq!(verdict.reason, "more than 10 terms ask DNS (RFC 7208 §4.6.4)");
    assert_eq!(verdict.mechanism.as_deref(), Some("-include:none.example"));
}

#[tokio::test]
async fn two_terms_may_find_nothing() {
    let zone = Zone::default()
        .txt("two.example", "v=spf1 a:x1.example exists:x2.example ?all")
        .txt("three.example", "v=spf1 a:x1.example mx:x2.example exists:x3.example ?all")
        .txt("mx.example", "v=spf1 mx ?all")
        .mx("mx.example", 1, "x1.example")
        .mx("mx.example", 2, "x2.example")
        .mx("mx.example", 3, "x3.example");
    let verdict = of(&zone, "192.0.2.1", "a@two.example").await;
    assert_eq!((verdict.result, verdict.lookups, verdict.void_lookups), (SpfResult::Neutral, 2, 2));
    let verdict = of(&zone, "192.0.2.1", "a@three.example").await;
    assert_eq!((verdict.result, verdict.void_lookups), (SpfResult::PermError, 3));
    // §4.6.4 counts terms, not questions.
    let verdict = of(&zone, "192.0.2.1", "a@mx.example").await;
    assert_eq!((verdict.result, verdict.void_lookups), (SpfResult::Neutral, 1));
}

#[tokio::test]
async fn a_tree_of_includes_costs_a_bounded_number_of_questions() {
    let mut zone = Zone::default().txt("bomb.example", "v=spf1 mx include:bomb.example include:bomb.example mx -all");
    for host in 0..10 {
        let name = format!("m{host}.example");
        zone = zone.mx("bomb.example", 1, &name).address(&name, "192.0.2.1");
    }
    let verdict = of(&zone, "198.51.100.1", "a@bomb.example").await;
    assert_eq!((verdict.result, verdict.lookups), (SpfResult::PermError, 11));
    assert!(zone.asked().len() <= 130, "{}", zone.asked().len());
}

#[tokio::test]
async fn long_texts_are_cut() {
    let zone = Zone::default()
        .txt("shop.example", format!("v=spf1 -exists:{}.x.example exp=e.example -all", "%{l}".repeat(10_000)))
        .txt("e.example", "%{s}".repeat(10_000));
    let sender = format!("{}@shop.example", "é".repeat(5_000));
    let verdict = of(&zone, "192.0.2.1", &sender).await;
    assert_eq!(verdict.result, SpfResult::None, "the domain is beyond what SMTP allows: {}", verdict.reason);
    let sender = format!("{}@shop.example", "a.".repeat(300));
    let verdict = of(&zone, "192.0.2.1", &sender).await;
    assert_eq!((verdict.result, verdict.explanation.unwrap().len()), (SpfResult::Fail, MAX_EXPLANATION));
    assert!(zone.asked().iter().all(|question| question.len() < 260));
}

#[tokio::test]
async fn explanations() {
    let zone = Zone::default()
        .txt("shop.example", "v=spf1 exp=why.%{d} -all")
        .txt("why.shop.example", "%{c} %{v} at %{t} says %{r}: %{L}%_%{h} %{o1}")
        .txt("soft.example", "v=spf1 exp=why.shop.example ~all")
        .txt("bad.example", "v=spf1 exp=why.bad.example -all")
        .txt("why.bad.example", "50% off");
    let verdict = of(&zone, "2001:db8::1", "a&b@shop.example").await;
    assert_eq!(
        verdict.explanation.as_deref(),
        Some("2001:db8::1 ip6 at 1700000000 says mx.receiver.example: a%26b mail.relay.example example")
    );
    for domain in ["soft.example", "bad.example"] {
        assert_eq!(of(&zone, "192.0.2.1", &format!("a@{domain}")).await.explanation, None, "{domain}");
    }
}

/// The examples of RFC 7208 §7.4, as names that are asked for.
#[tokio::test]
async fn the_examples_of_the_standard() {
    for (ip, macros, expanded) in [
        ("192.0.2.3", "%{s}", "strong-bad@email.example.com"),
        ("192.0.2.3", "%{o}", "email.example.com"),
        ("192.0.2.3", "%{d4}", "email.example.com"),
        ("192.0.2.3", "%{d1}", "com"),
        ("192.0.2.3", "%{dr}", "com.example.email"),
        ("192.0.2.3", "%{d2r}", "example.email"),
        ("192.0.2.3", "%{l-}", "strong.bad"),
        ("192.0.2.3", "%{lr}", "strong-bad"),
        ("192.0.2.3", "%{lr-}", "bad.strong"),
        ("192.0.2.3", "%{l1r-}", "strong"),
        ("192.0.2.3", "%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
        ("192.0.2.3", "%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
        ("192.0.2.3", "%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"),
        ("192.0.2.3", "%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"),
        (
            "2001:db8::cb01",
            "%{ir}.%{v}._spf.%{d2}",
            "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com",
        ),
    ] {
        let zone = Zone::default().txt("email.example.com", format!("v=spf1 exists:{macros} ?all"));
        of(&zone, ip, "strong-bad@email.example.com").await;
        assert_eq!(zone.asked().last(), Some(&format!("A {expanded}")), "{macros}");
    }
}
