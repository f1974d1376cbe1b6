//! Records as they should be, and as people publish them.

use proptest::prelude::*;

use super::*;

fn cut(text: &str, span: Range<usize>) -> &str {
    text.get(span).unwrap()
}

fn oddities(record: &str) -> Vec<(OddityKind, &str)> {
    parse(record.as_bytes()).unwrap().oddities.into_iter().map(|odd| (odd.kind, cut(record, odd.span))).collect()
}

fn as_written(domain: Policy, existing: Policy, nonexistent: Policy) -> Demand {
    Demand::AsWritten { domain, existing, nonexistent }
}

#[test]
fn a_record_with_everything() {
    let text = "v=DMARC1; p=reject; sp=quarantine; np=none; adkim=s; aspf=r; t=y; psd=n; fo=d:s; rua=mailto:a@b.example, mailto:C@D.example; ruf=mailto:f@b.example;";
    let record = parse(text.as_bytes()).unwrap();
    assert_eq!(record.oddities, []);
    assert_eq!(record.demand(), as_written(Policy::Reject, Policy::Quarantine, Policy::None));
    assert_eq!((record.dkim_mode(), record.spf_mode()), (Mode::Strict, Mode::Relaxed));
    assert!(record.testing());
    assert_eq!(record.psd(), Psd::No);
    let fo: Vec<_> = record.fo.iter().map(|fo| (fo.value, cut(text, fo.span.clone()))).collect();
    assert_eq!(fo, [(FailureReport::Dkim, "d"), (FailureReport::Spf, "s")]);
    let rua: Vec<_> = record.rua.iter().map(|uri| (uri.value.as_str(), cut(text, uri.span.clone()))).collect();
    assert_eq!(rua, [("mailto:a@b.example", "mailto:a@b.example"), ("mailto:C@D.example", "mailto:C@D.example")]);
    assert_eq!(record.ruf.len(), 1);
    assert_eq!(cut(text, record.sp.unwrap().span), "quarantine");
    assert_eq!(cut(text, record.p.unwrap().span), "reject");
}

#[test]
fn the_defaults() {
    let record = parse(b"v=DMARC1;p=none").unwrap();
    assert_eq!(record.demand(), as_written(Policy::None, Policy::None, Policy::None));
    assert_eq!((record.dkim_mode(), record.spf_mode()), (Mode::Relaxed, Mode::Relaxed));
    assert_eq!((record.testing(), record.psd()), (false, Psd::Unknown));
}

#[test]
fn what_a_record_comes_to() {
    use Policy::{None, Quarantine, Reject};
    for (text, demand) in [
        ("v=DMARC1; p=reject", as_written(Reject, Reject, Reject)),
        ("v=DMARC1; p=reject; sp=none", as_written(Reject, None, None)),
        ("v=DMARC1; p=none; np=reject", as_written(None, None, Reject)),
        ("v=DMARC1; p=reject; sp=none; np=quarantine", as_written(Reject, None, Quarantine)),
        // RFC 9989 §4.10.1, all four ways to lose a policy.
        ("v=DMARC1; rua=mailto:a@b.example", Demand::NoneInstead),
        ("v=DMARC1; p=rejekt; rua=mailto:a@b.example", Demand::NoneInstead),
        ("v=DMARC1; p=reject; sp=rejekt; rua=mailto:a@b.example", Demand::NoneInstead),
        ("v=DMARC1; p=reject; np=; rua=https://b.example/x", Demand::NoneInstead),
        ("v=DMARC1", Demand::NotApplied),
        ("v=DMARC1;", Demand::NotApplied),
        ("v=DMARC1; p=rejekt", Demand::NotApplied),
        ("v=DMARC1; p=reject; sp=rejekt", Demand::NotApplied),
        ("v=DMARC1; p=reject; np=rejekt; rua=a@b.example", Demand::NotApplied),
        // A wrong value of any other tag costs only that tag.
        ("v=DMARC1; p=reject; adkim=strict; t=yes; psd=1; aspf=", as_written(Reject, Reject, Reject)),
    ] {
        assert_eq!(parse(text.as_bytes()).unwrap().demand(), demand, "{text}");
    }
}

#[test]
fn only_an_exact_version_makes_a_record() {
    for text in
        ["v=DMARC1", "V=DMARC1;", "v = DMARC1 ; p=none", "v\t=\tDMARC1\t;p=none", "v=DMARC1;;;", "v=DMARC1; v=DMARC2"]
    {
        assert!(parse(text.as_bytes()).is_some(), "{text}");
        assert_eq!(near_miss(text.as_bytes()), None, "{text}");
    }
    for (text, miss) in [
        ("v=dmarc1; p=none", Some(NearMiss::Version)),
        ("v=DMARC1x; p=none", Some(NearMiss::Version)),
        ("v=DMARC2; p=none", Some(NearMiss::Version)),
        ("v=DMARC 1; p=none", Some(NearMiss::Version)),
        ("v=DMARC1 p=none", Some(NearMiss::NoSemicolon)),
        ("v=DMARC1, p=none", Some(NearMiss::NoSemicolon)),
        (" v=DMARC1; p=none", Some(NearMiss::NotFirst)),
        ("\"v=DMARC1; p=none\"", Some(NearMiss::NotFirst)),
        ("p=none; v=DMARC1", Some(NearMiss::NotFirst)),
        ("", None),
        ("v", None),
        ("v=spf1 -all", None),
        ("some other text", None),
    ] {
        assert_eq!(parse(text.as_bytes()), None, "{text}");
        assert_eq!(near_miss(text.as_bytes()), miss, "{text}");
    }
    assert_eq!(parse(b"v=DMARC1\xff; p=none"), None);
}

#[test]
fn oddities_say_what_and_where() {
    use OddityKind as Odd;
    let rua = "rua=mailto:a@b.example";
    for (text, expected) in [
        ("v=DMARC1; p=none;", vec![]),
        ("v=DMARC1", vec![(Odd::NoPolicy, "v=DMARC1")]),
        ("V=DMARC1; P=None", vec![(Odd::TagCase, "V"), (Odd::TagCase, "P")]),
        ("v=DMARC1; p = nine ; sp=", vec![(Odd::InvalidValue, "nine"), (Odd::InvalidValue, "sp=")]),
        ("v=DMARC1; p=none; policy=x", vec![(Odd::UnknownTag, "policy=x")]),
        (
            "v=DMARC1; p=none; pct=50; ri=86400; rf=afrf",
            vec![(Odd::HistoricTag, "pct=50"), (Odd::HistoricTag, "ri=86400"), (Odd::HistoricTag, "rf=afrf")],
        ),
        (
            "v=DMARC1; p=none; p=reject; v=DMARC1",
            vec![(Odd::DuplicateTag, "p=reject"), (Odd::DuplicateTag, "v=DMARC1")],
        ),
        (
            "v=DMARC1; p=none; oops; =x; s p=none; p1=none",
            vec![(Odd::NotATag, "oops"), (Odd::NotATag, "=x"), (Odd::NotATag, "s p=none"), (Odd::NotATag, "p1=none")],
        ),
        ("v=DMARC1;; p=none; ;", vec![(Odd::EmptyTag, ""), (Odd::EmptyTag, "")]),
        ("v=DMARC1; sp=none; p=none", vec![(Odd::PolicyNotSecond, "p=none")]),
        (
            "v=DMARC1; p=none; rua=mailto:a@b.example!5k,b@c.example,https://d.example/,",
            vec![
                (Odd::SizeLimit, "mailto:a@b.example!5k"),
                (Odd::InvalidUri, "b@c.example"),
                (Odd::NotMailto, "https://d.example/"),
                (Odd::InvalidUri, ""),
            ],
        ),
        ("v=DMARC1; p=none; fo=1:d", vec![(Odd::FoWithoutRuf, "1:d")]),
        ("v=DMARC1; p=none; fo=2; ruf=mailto:a@b.example", vec![(Odd::InvalidValue, "2")]),
    ] {
        assert_eq!(oddities(text), expected, "{text}");
    }
    assert_eq!(oddities(&format!("v=DMARC1; p=none; {rua}")), []);
}

#[test]
fn the_first_of_two_tags_counts() {
    let record = parse(b"v=DMARC1; p=none; p=reject").unwrap();
    assert_eq!(record.p.unwrap().value, Policy::None);
}

#[test]
fn historic_tags_are_recorded_and_change_nothing() {
    let record = parse(b"v=DMARC1; p=reject; pct=0").unwrap();
    assert_eq!(record.historic[0].value, Historic { tag: "pct", value: "0".into() });
    assert_eq!(record.demand(), as_written(Policy::Reject, Policy::Reject, Policy::Reject));
}

#[test]
fn testing_means_one_level_less() {
    assert_eq!(
        [Policy::Reject, Policy::Quarantine, Policy::None].map(Policy::relaxed),
        [Policy::Quarantine, Policy::None, Policy::None]
    );
}

#[test]
fn the_limits_hold() {
    let many = format!("v=DMARC1; p=none{}", "; x=y".repeat(MAX_ITEMS * 3));
    let odd = parse(many.as_bytes()).unwrap().oddities;
    assert!(odd.len() <= MAX_ITEMS + 2 && odd.iter().any(|odd| odd.kind == OddityKind::TooLong));
    let addresses = format!("v=DMARC1; p=none; rua={}", "mailto:a@b.example,".repeat(MAX_ITEMS * 3));
    assert_eq!(parse(addresses.as_bytes()).unwrap().rua.len(), MAX_ITEMS);
    let long = [b"v=DMARC1; p=none; x=".as_slice(), &vec![b'y'; MAX_RECORD * 2]].concat();
    assert!(parse(&long).unwrap().oddities.iter().any(|odd| odd.kind == OddityKind::TooLong));
}

fn bounded(bytes: &[u8]) {
    let _ = near_miss(bytes);
    let Some(record) = parse(bytes) else { return };
    let text: usize = record.rua.iter().chain(&record.ruf).map(|uri| uri.value.len()).sum();
    assert!(text <= bytes.len());
    for uri in record.rua.iter().chain(&record.ruf) {
        assert!(bytes[uri.span.clone()].starts_with(uri.value.as_bytes()));
    }
    assert!(record.oddities.iter().all(|odd| odd.span.start <= odd.span.end && odd.span.end <= bytes.len()));
}

proptest! {
    #[test]
    fn anything_can_be_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        bounded(&bytes);
        bounded(&[b"v=DMARC1;", bytes.as_slice()].concat());
    }

    #[test]
    fn anything_of_the_right_letters_can_be_read(text in "v=DMARC1[;,:=!@ \tpsnrutvyfoadkmilx0-9.]{0,120}") {
        bounded(text.as_bytes());
    }

    #[test]
    fn what_was_written_is_read(
        p in 0_usize..3, sp in proptest::option::of(0_usize..3), np in proptest::option::of(0_usize..3),
        strict in any::<bool>(), testing in any::<bool>(), blank in "[ \t]{0,3}", capital in any::<bool>(),
    ) {
        let all = [Policy::None, Policy::Quarantine, Policy::Reject];
        let word = |index: usize| {
            let word = all[index].as_str();
            if capital { word.to_uppercase() } else { word.to_owned() }
        };
        let mut text = format!("v=DMARC1{blank};{blank}p{blank}={blank}{}", word(p));
        for (tag, value) in [("sp", sp), ("np", np)] {
            if let Some(value) = value {
                text += &format!("{blank};{tag}={}", word(value));
            }
        }
        text += &format!("; adkim={}; t={}", if strict { "s" } else { "r" }, if testing { "y" } else { "n" });
        let record = parse(text.as_bytes()).unwrap();
        let existing = sp.map_or(all[p], |sp| all[sp]);
        prop_assert_eq!(record.demand(), as_written(all[p], existing, np.map_or(existing, |np| all[np])));
        prop_assert_eq!(record.dkim_mode() == Mode::Strict, strict);
        prop_assert_eq!(record.testing(), testing);
        prop_assert_eq!(record.oddities, []);
    }
}
