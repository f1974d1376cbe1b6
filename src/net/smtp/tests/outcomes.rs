//! Every outcome at every command, and everything that can go wrong on the wire.

use super::server::{Do, Script, say};
use super::*;

const POINTS: [(&str, &str, &str); 6] = [
    ("greeting", "Greeting", "connect"),
    ("EHLO", "Ehlo", "connect"),
    ("MAIL", "Mail", "envelope"),
    ("RCPT", "Rcpt", "envelope"),
    ("DATA", "Data", "data"),
    ("message", "Message", "data"),
];

#[tokio::test]
async fn an_accepted_message_arrives_as_it_was_composed() {
    let server = Script::default().offering(&["SIZE 1000000", "8BITMIME"]).serve().await;
    let mut case = Case::new(server.port, TlsMode::None);
    case.message = "Subject: é\r\n\r\n.hello\n..\r\nend\r\n".into();
    let attempt = case.run().await;
    assert_eq!(brief(&attempt.handoff), "accepted 250 4ABC");
    let reply = attempt.handoff.reply().unwrap();
    assert_eq!((reply.enhanced.as_deref(), reply.text.as_str()), (Some("2.0.0"), "Ok: queued as 4ABC"));
    let phases: Vec<_> = attempt.timings.iter().map(|(phase, _)| phase).collect();
    assert_eq!(phases, [Phase::Connect, Phase::Envelope, Phase::Data]);
    assert!(attempt.began_at < attempt.ended_at);
    server.hears("QUIT").await;
    let size = case.message.len();
    assert_eq!(
        server.heard(),
        [
            "connected from 127.0.0.1",
            "EHLO probe.example",
            &format!("MAIL FROM:<bounces@shop.example> SIZE={size} BODY=8BITMIME"),
            "RCPT TO:<seed@there.example>",
            "DATA",
            "Subject: é",
            "",
            "..hello",
            "...",
            "end",
            ".",
            "QUIT",
        ]
    );
}

#[tokio::test]
async fn a_no_at_any_command_says_which_and_for_how_long() {
    for (point, command, _) in POINTS {
        for (code, result) in [(421, "deferred"), (451, "deferred"), (550, "refused"), (554, "refused")] {
            let no = say(&format!("{code}-{}.7.1 first\n{code} {}.7.1 second\n", code / 100, code / 100));
            let server = Script::default().at(point, no.clone()).at("HELO", no).serve().await;
            let handoff = Case::new(server.port, TlsMode::None).handoff().await;
            assert_eq!(brief(&handoff), format!("{result} {code} {command}"), "{point}");
            let reply = handoff.reply().unwrap();
            assert_eq!(reply.text, "first\nsecond");
            assert_eq!(reply.enhanced.as_deref(), Some(format!("{}.7.1", code / 100).as_str()));
            if code != 421 {
                server.hears("QUIT").await;
            }
        }
    }
}

#[tokio::test]
async fn a_lost_connection_is_ambiguous_only_after_the_final_dot() {
    for (point, _, phase) in POINTS {
        let server = Script::default().at(point, Do::Drop).serve().await;
        let handoff = Case::new(server.port, TlsMode::None).handoff().await;
        let expected = if point == "message" { "ambiguous".into() } else { format!("tcp {phase}") };
        assert_eq!(brief(&handoff), expected, "{point}");
        assert!(detail(&handoff).contains("the server closed the connection"), "{handoff:?}");
    }
}

#[tokio::test]
async fn silence_is_ambiguous_only_after_the_final_dot() {
    // All at once: each waits for its time limit.
    let mut cases = tokio::task::JoinSet::new();
    for (point, _, phase) in POINTS {
        cases.spawn(async move {
            let server = Script::default().at(point, Do::Stall).serve().await;
            let handoff = Case::new(server.port, TlsMode::None).hasty().handoff().await;
            let expected = if point == "message" { "ambiguous".into() } else { format!("timeout {phase}") };
            assert_eq!(brief(&handoff), expected, "{point}");
            assert!(detail(&handoff).contains("within 1s"), "{handoff:?}");
        });
    }
    assert_eq!(cases.join_all().await.len(), POINTS.len());
}

#[tokio::test]
async fn what_is_not_smtp_is_a_protocol_error_and_costs_no_memory() {
    let garbage: [(&str, Do); 8] = [
        ("not a reply", say("HTTP/1.1 400 Bad Request\n")),
        ("no line end", Do::Flood(vec![b'x'; 4096])),
        ("endless lines", Do::Flood(b"250-more\r\n".to_vec())),
        ("NUL", Do::Say(b"250 a\0b\r\n".to_vec())),
        ("binary", Do::Say(vec![0x16, 3, 1, 0, 2, 1, 0, b'\n'])),
        ("empty line", say("\n")),
        ("no such code", say("999 what\n")),
        ("wrong kind", say("334 dGVsbCBtZQ==\n")),
    ];
    for (point, _, phase) in POINTS {
        for (what, garbage) in garbage.clone() {
            let server = Script::default().at(point, garbage).serve().await;
            let handoff = Case::new(server.port, TlsMode::None).handoff().await;
            let brief = brief(&handoff).replace(" 334", "");
            if point == "DATA" && what == "wrong kind" {
                assert_eq!(brief, "protocol data");
            } else if point == "message" {
                assert_eq!(brief, "ambiguous", "{what} at {point}: the message may have been accepted");
            } else {
                assert_eq!(brief, format!("protocol {phase}"), "{what} at {point}");
            }
        }
    }
}

#[tokio::test]
async fn a_positive_reply_to_data_is_no_leave_to_send() {
    let server = Script::default().at("DATA", say("250 ok\n")).serve().await;
    assert_eq!(brief(&Case::new(server.port, TlsMode::None).handoff().await), "protocol 250 data");
}

#[tokio::test]
async fn words_out_of_turn_are_not_taken_for_the_next_answer() {
    for (point, words, expected) in [
        ("greeting", "220 hi\n250 early\n", "protocol connect"),
        ("EHLO", "250 hi\n250 early\n", "protocol envelope"),
        ("MAIL", "250 ok\n250 early\n", "protocol envelope"),
        ("DATA", "354 go\n250 2.0.0 queued as FAKE\n", "protocol data"),
        // RFC 5321 §3.8: a server that shuts down says so at any time.
        ("MAIL", "250 ok\n421 4.3.2 shutting down\n", "deferred 421 Rcpt"),
    ] {
        let server = Script::default().at(point, say(words)).serve().await;
        assert_eq!(brief(&Case::new(server.port, TlsMode::None).handoff().await), expected, "{point}");
        assert!(!server.heard().contains(&".".to_owned()));
    }
}

#[tokio::test]
async fn gbk_and_long_replies_keep_their_codes() {
    let gbk = b"550-5.7.1 \xd3\xca\xbc\xfe\r\n550 5.7.1 \xbe\xdc\xbe\xf8\r\n".to_vec();
    let server = Script::default().at("RCPT", Do::Say(gbk)).serve().await;
    let handoff = Case::new(server.port, TlsMode::None).handoff().await;
    assert_eq!(brief(&handoff), "refused 550 Rcpt");
    assert_eq!(handoff.reply().unwrap().enhanced.as_deref(), Some("5.7.1"));

    let long = format!("{}554 5.6.0 end\n", format!("554-5.6.0 {}\n", "long ".repeat(100)).repeat(50));
    let server = Script::default().at("message", say(&long)).serve().await;
    let handoff = Case::new(server.port, TlsMode::None).handoff().await;
    assert_eq!(brief(&handoff), "refused 554 Message");
    assert!(handoff.reply().unwrap().text.len() <= 2048);
}

#[tokio::test]
async fn a_connection_lost_within_the_message_is_not_ambiguous() {
    for (what, expected) in [
        (Do::Drop, "tcp data"),
        // Some servers say why before they hang up. The reply is lost where the reset overtakes it.
        (say("552 5.3.4 too big\n"), "refused 552 Message"),
    ] {
        let server = Script::default().at("body", what).serve().await;
        let mut case = Case::new(server.port, TlsMode::None);
        // More than the socket buffers hold (the server's is small), so that the end cannot have been sent.
        case.message = b"0123456789abcdef\r\n".repeat(450_000);
        let handoff = brief(&case.handoff().await);
        assert!(handoff == expected || handoff == "tcp data", "{handoff}");
    }
    let server = Script::default().at("body", Do::Stall).serve().await;
    let mut case = Case::new(server.port, TlsMode::None).hasty();
    case.message = b"0123456789abcdef\r\n".repeat(450_000);
    assert_eq!(brief(&case.handoff().await), "timeout data");
}

#[tokio::test]
async fn helo_serves_where_ehlo_is_not_known() {
    let server = Script::default().at("EHLO", say("502 5.5.1 what\n")).serve().await;
    assert_eq!(brief(&Case::new(server.port, TlsMode::None).handoff().await), "accepted 250 4ABC");
    assert!(server.heard().contains(&"HELO probe.example".to_owned()));
    assert!(
        server.heard().contains(&"MAIL FROM:<bounces@shop.example>".to_owned()),
        "no parameters without extensions"
    );
}

#[tokio::test]
async fn without_a_name_of_its_own_it_says_an_address_or_a_full_name() {
    let server = Script::default().serve().await;
    let way = RouteKind::Smtp { server: endpoint(server.port, TlsMode::None), credentials: None };
    let target = Target { way: &way, helo: None, limits: PATIENT };
    hand_over(&dialer(None), &Clock::system(), &target, &envelope(), MESSAGE).await;
    let heard = server.heard();
    let name = heard[1].strip_prefix("EHLO ").unwrap();
    assert!(name == "[127.0.0.1]" || name.contains('.'), "{name}");
}

#[tokio::test]
async fn addresses_cannot_smuggle_commands() {
    let server = Script::default().serve().await;
    for (from, to) in
        [("a@b\r\nRCPT TO:<x@y>", "c@d"), ("a@b", "c@d>\r\nDATA"), ("a@b", "c@d> X"), ("a@b", ""), ("a@b", "nobody")]
    {
        let mut case = Case::new(server.port, TlsMode::None);
        case.envelope = Envelope { from: from.into(), to: to.into() };
        assert_eq!(brief(&case.handoff().await), "protocol envelope", "{from:?} {to:?}");
    }
    let way = RouteKind::Smtp { server: endpoint(server.port, TlsMode::None), credentials: None };
    for helo in ["", "a b", "a\r\nMAIL FROM:<x@y>"] {
        let target = Target { way: &way, helo: Some(helo), limits: PATIENT };
        let attempt = hand_over(&dialer(None), &Clock::system(), &target, &envelope(), MESSAGE).await;
        assert_eq!(brief(&attempt.handoff), "protocol envelope", "{helo:?}");
    }
    assert_eq!(server.heard(), Vec::<String>::new());
}

#[tokio::test]
async fn addresses_beyond_ascii_need_smtputf8_and_the_empty_sender_is_one() {
    let mut case = Case::new(0, TlsMode::None);
    case.envelope = Envelope { from: String::new(), to: "büro@there.example".into() };
    let server = Script::default().serve().await;
    case.server.port = server.port;
    assert_eq!(brief(&case.handoff().await), "protocol envelope");
    let server = Script::default().offering(&["SMTPUTF8"]).serve().await;
    case.server.port = server.port;
    assert_eq!(brief(&case.handoff().await), "accepted 250 4ABC");
    assert!(server.heard().contains(&"MAIL FROM:<> SMTPUTF8".to_owned()));
}

#[tokio::test]
async fn what_keeps_a_connection_from_being_made_is_told_apart() {
    let dead = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let mut case = Case::new(dead, TlsMode::None);
    assert_eq!(brief(&case.handoff().await), "tcp connect");
    case.server.host = "relay.example".into();
    assert_eq!(brief(&case.handoff().await), "dns connect");

    let server = Script::default().serve().await;
    let mut case = Case::new(server.port, TlsMode::None);
    case.server.source = Some("127.0.0.77".parse().unwrap());
    assert_eq!(brief(&case.handoff().await), "accepted 250 4ABC");
    assert_eq!(server.heard()[0], "connected from 127.0.0.77");
    case.server.source = Some("192.0.2.1".parse().unwrap());
    let handoff = case.handoff().await;
    assert_eq!(brief(&handoff), "tcp connect");
    assert!(detail(&handoff).contains("assign requested address"), "{handoff:?}");
}

#[tokio::test]
async fn the_goodbye_neither_delays_nor_changes_the_result() {
    for quit in [Do::Stall, Do::Drop, say("500 rude\n")] {
        let server = Script::default().at("QUIT", quit).serve().await;
        let attempt = Case::new(server.port, TlsMode::None).run().await;
        assert_eq!(brief(&attempt.handoff), "accepted 250 4ABC");
        assert!(attempt.timings.total() <= crate::clock::elapsed(attempt.began_at, attempt.ended_at));
    }
}

#[test]
fn the_usual_limits_fit_a_probe() {
    let limits = Limits::default();
    assert_eq!([limits.connect, limits.command, limits.data_end].map(|limit| limit.as_secs()), [30, 60, 120]);
    assert_eq!(Command::Message.phase(), Phase::Data);
    assert_eq!(Unreachable::Tcp.as_str(), "tcp");
}
