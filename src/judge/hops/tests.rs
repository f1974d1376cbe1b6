//! Chains as receivers write them, and the hop at the boundary of each.

use proptest::prelude::*;

use super::*;

/// Received fields, the topmost first; each line a field.
fn hops(lines: &[&str]) -> Vec<Hop> {
    let message: String = lines.iter().map(|line| format!("Received: {line}\r\n")).collect();
    read(format!("Return-Path: <a@b.test>\r\n{message}Subject: x\r\n\r\nReceived: not this\r\n").as_bytes())
}

fn under(domain: &'static str) -> impl Fn(&str) -> bool {
    move |name| name == domain || name.ends_with(&format!(".{domain}"))
}

fn at(lines: &[&str], own: impl Fn(&str) -> bool) -> Option<(String, String)> {
    let hops = hops(lines);
    let hop = boundary(&hops, own)?;
    Some((hop.ip.unwrap().to_string(), hop.helo.clone().unwrap_or_default()))
}

fn found(ip: &str, helo: &str) -> Option<(String, String)> {
    Some((ip.into(), helo.into()))
}

const GMAIL: [&str; 3] = [
    "by 2002:a05:6a10:1234:b0:5a1:2b3c:4d5e with SMTP id p26; Sun, 22 Nov 2026 02:00:03 -0800 (PST)",
    "from mail.shop.example (out.shop.example. [192.0.2.1]) by mx.google.com with ESMTPS id d9 for <s@gmail.com> (version=TLS1_3 cipher=X bits=256/256); Sun, 22 Nov 2026 02:00:02 -0800 (PST)",
    "from web (web.internal [10.0.0.7]) by mail.shop.example (Postfix) with ESMTP id 4T; Sun, 22 Nov 2026 10:00:00 +0000 (UTC)",
];
const OUTLOOK: [&str; 4] = [
    "from AS8PR04.eurprd04.prod.outlook.com (2603:10a6:20b::6) by PAXPR04.eurprd04.prod.outlook.com with HTTPS; Sun, 22 Nov 2026 10:00:04 +0000",
    "from AM0EUR02.eop-eur02.prod.protection.outlook.com (2603:10a6:20b::7) by AS8PR04.eurprd04.prod.outlook.com (2603:10a6::1) with Microsoft SMTP Server (version=TLS1_3, cipher=X) id 15.20; Sun, 22 Nov 2026 10:00:03 +0000",
    "from mail.shop.example (192.0.2.1) by AM0EUR02.eop-eur02.prod.protection.outlook.com (10.167.16.1) with Microsoft SMTP Server (version=TLS1_3, cipher=X) id 15.20 via Frontend Transport; Sun, 22 Nov 2026 10:00:02 +0000",
    "from web (198.51.100.7) by mail.shop.example (Postfix) with ESMTP id 4T; Sun, 22 Nov 2026 10:00:00 +0000",
];

#[test]
fn the_border_of_known_receivers() {
    assert_eq!(at(&GMAIL, under("google.com")), found("192.0.2.1", "mail.shop.example"));
    assert_eq!(at(&OUTLOOK, under("outlook.com")), found("192.0.2.1", "mail.shop.example"));
    let yahoo = [
        "from 192.0.2.1 (EHLO mail.shop.example) by 10.222.142.24 with SMTPs (version=TLS1_3 cipher=X); Sun, 22 Nov 2026 10:00:02 +0000",
        "from web (198.51.100.7) by mail.shop.example with ESMTP; Sun, 22 Nov 2026 10:00:00 +0000",
    ];
    assert_eq!(at(&yahoo, under("yahoo.com")), found("192.0.2.1", "mail.shop.example"));
    let netease = [
        "from mail.shop.example (unknown [192.0.2.1]) by mx19 (Coremail) with SMTP id w; Sun, 22 Nov 2026 18:00:00 +0800 (CST)",
    ];
    assert_eq!(at(&netease, |name| name.starts_with("mx")), found("192.0.2.1", "mail.shop.example"));
    let filtered = [
        "from mx.test (localhost [127.0.0.1]) by mx.test with LMTP id 1; Sun, 22 Nov 2026 10:00:02 +0000",
        "from localhost (localhost [127.0.0.1]) by mx.test (Postfix) with ESMTP id 2; Sun, 22 Nov 2026 10:00:02 +0000",
        "from mx.test ([10.0.0.2]) by localhost (mx.test [127.0.0.1]) (amavis, port 10024) with LMTP id 3; Sun, 22 Nov 2026 10:00:01 +0000",
        "from mail.shop.example (out.shop.example [2001:db8::25]) by mx.test (Postfix) with ESMTPS id 4; Sun, 22 Nov 2026 10:00:00 +0000",
    ];
    let own = |name: &str| name == "localhost" || under("test")(name);
    assert_eq!(at(&filtered, own), found("2001:db8::25", "mail.shop.example"));
}

#[test]
fn the_border_where_no_host_is_known() {
    assert_eq!(at(&GMAIL, |_| false), found("192.0.2.1", "mail.shop.example"));
    assert_eq!(at(&OUTLOOK, |_| false), found("192.0.2.1", "mail.shop.example"));
    assert_eq!(at(&[], |_| false), None);
    assert_eq!(at(&["from a (a [10.0.0.1]) by mx.test; x", "by 10.0.0.2 with SMTP; x"], |_| false), None);
}

#[test]
fn a_delivery_agents_line_above_does_not_matter() {
    let delivered = ["from mx.test by store.hosting.example with LMTP id 1; x", GMAIL[1]];
    assert_eq!(at(&delivered, under("google.com")), found("192.0.2.1", "mail.shop.example"));
}

/// Below the border everything is the sender's word, whatever names it uses.
#[test]
fn forged_lines_are_not_believed() {
    let forged_below =
        [GMAIL[1], "from bank.example (bank.example [198.51.100.1]) by mx.google.com with ESMTPS id 1; x"];
    assert_eq!(at(&forged_below, under("google.com")), found("192.0.2.1", "mail.shop.example"));
    // Nothing public in the receiver's own lines: the sender's are not looked at for it.
    let inside = [
        "from a (a [10.0.0.9]) by mx.google.com with SMTP id 1; x",
        "from b (b [198.51.100.1]) by a with SMTP id 2; x",
    ];
    assert_eq!(at(&inside, under("google.com")), found("10.0.0.9", "a"));
    assert_eq!(at(&["from a ([127.0.0.1]) by mx.google.com; x"], under("google.com")), None);
    for nameless in ["from b (b [198.51.100.1]) with SMTP; x", "from b (b [198.51.100.1]) by 10.0.0.1 with SMTP; x"] {
        assert_eq!(at(&[inside[0], nameless], under("google.com")), found("10.0.0.9", "a"));
    }
    // A client that calls itself one of the receiver's hosts, with a line below that another host wrote.
    let liar = ["from mx.google.com (evil.example [192.0.2.66]) by mx.google.com with SMTP id 1; x", GMAIL[2]];
    assert_eq!(at(&liar, under("google.com")), found("192.0.2.66", "mx.google.com"));
}

#[test]
fn delays_and_tls() {
    let hops = hops(&GMAIL);
    let seconds = |n| Some(Duration::from_secs(n));
    assert_eq!(
        legs(&hops),
        [Leg { delay: seconds(1), skew: None }, Leg { delay: seconds(2), skew: None }, Leg::default()]
    );
    assert_eq!(hops.iter().map(|hop| hop.tls.is_some()).collect::<Vec<_>>(), [false, true, false]);
}

#[test]
fn a_clock_that_is_wrong_makes_no_negative_delay() {
    let line = |time: &str| format!("from a by b with SMTP; Sun, 22 Nov 2026 {time} +0000");
    // From the first server to the last: 10:00:00, five minutes ahead, right, no time, right.
    let lines =
        [line("10:00:04"), "from a by b; nonsense".into(), line("10:00:02"), line("10:05:00"), line("10:00:00")];
    let hops = hops(&lines.each_ref().map(String::as_str));
    let leg = |delay, skew| Leg {
        delay: Some(Duration::from_secs(delay)),
        skew: (skew > 0).then(|| Duration::from_secs(skew)),
    };
    assert_eq!(legs(&hops), [leg(0, 0), Leg::default(), leg(0, 298), leg(300, 0), Leg::default()]);
    assert_eq!(legs(&[]), []);
}

#[test]
fn which_addresses_are_public() {
    for (ip, public) in [
        ("192.0.2.1", true),
        ("8.8.8.8", true),
        ("172.32.0.1", true),
        ("100.128.0.1", true),
        ("2001:db8::1", true),
        ("2a00:1450::1", true),
        ("::ffff:192.0.2.1", true),
        ("2002:c000:0201::1", true),
        ("10.1.2.3", false),
        ("172.16.0.1", false),
        ("192.168.0.1", false),
        ("127.0.0.1", false),
        ("169.254.0.1", false),
        ("100.64.0.1", false),
        ("0.0.0.0", false),
        ("224.0.0.1", false),
        ("255.255.255.255", false),
        ("::1", false),
        ("::", false),
        ("fe80::1", false),
        ("fd00::1", false),
        ("ff02::1", false),
        ("::ffff:10.0.0.1", false),
        ("2002:a05:6a10::1", false),
    ] {
        assert_eq!(is_public(ip.parse().unwrap()), public, "{ip}");
    }
}

#[test]
fn only_so_many_are_read() {
    let message = "Received: from a by b; Sun, 22 Nov 2026 10:00:00 +0000\r\n".repeat(MAX_HOPS * 3);
    assert_eq!(read(message.as_bytes()).len(), MAX_HOPS);
}

fn any_hop() -> impl Strategy<Value = Hop> {
    let name = || proptest::option::of("(mx[0-3]\\.test|mail\\.shop\\.example|10\\.0\\.0\\.1)");
    let ip = proptest::option::of(prop_oneof!["10\\.0\\.0\\.[1-9]", "192\\.0\\.2\\.[1-9]", "127\\.0\\.0\\.1"]);
    (name(), name(), ip, proptest::option::of(-1_000_i64..1_000)).prop_map(|(from, by, ip, at)| Hop {
        helo: from.clone(),
        from,
        by,
        ip: ip.map(|ip| ip.parse().unwrap()),
        at: at.map(|at| Timestamp::from_second(at).unwrap()),
        ..Hop::default()
    })
}

proptest! {
    #[test]
    fn a_border_has_an_address_and_is_above_what_is_not_believed(hops in proptest::collection::vec(any_hop(), 0..12)) {
        let own = under("test");
        let Some(found) = boundary(&hops, &own) else { return Ok(()) };
        prop_assert!(found.ip.is_some());
        let by_own = |hop: &Hop| hop.by.as_deref().is_some_and(&own);
        let index = hops.iter().position(|hop| std::ptr::eq(hop, found)).unwrap();
        if hops.iter().any(by_own) {
            prop_assert!(hops.iter().skip(index).any(by_own), "not below the last of its own");
            let first = hops.iter().position(by_own).unwrap();
            let foreign = hops.iter().skip(first).position(|hop| hop.by.as_deref() == Some("mail.shop.example"));
            prop_assert!(foreign.is_none_or(|foreign| index < first + foreign));
        }
    }

    #[test]
    fn delays_add_up_to_the_span_of_the_clocks(hops in proptest::collection::vec(any_hop(), 0..12)) {
        let legs = legs(&hops);
        prop_assert_eq!(legs.len(), hops.len());
        let total: Duration = legs.iter().filter_map(|leg| leg.delay).sum();
        let times: Vec<_> = hops.iter().filter_map(|hop| hop.at).collect();
        // From the first server's time to the latest of all: nothing is counted twice, and nothing below zero.
        let span = times.last().map_or(Duration::ZERO, |first| elapsed(*first, *times.iter().max().unwrap()));
        prop_assert_eq!(total, span);
    }
}
