//! Servers that mean harm, or are broken. Each costs bounded memory and time, and each fault has its reason.

use std::time::Duration;

use tokio::time::timeout;

use crate::model::MailboxFault;
use crate::net::imap::tests::scripted::{Peer, brief, patient, plain};
use crate::net::imap::{Fault, Limits};

/// The fault of a server that greets with `greeting`.
async fn greeted(greeting: &'static [u8], limits: Limits) -> Fault {
    let scripted = plain(async move |mut peer: Peer| {
        peer.say_bytes(greeting).await;
        if !greeting.is_empty() {
            peer.hang().await;
        }
    });
    scripted.await.connect(limits).await.unwrap_err()
}

/// What comes of fetching the headers of UIDs 1 to 9 from a server that answers with `answer`, `times` over, and then hangs.
async fn fetched(answer: &str, times: usize, limits: Limits) -> Result<usize, Fault> {
    let answer = answer.to_owned();
    let scripted = plain(async move |mut peer: Peer| {
        peer.log_in("").await;
        peer.line().await;
        for _ in 0..times {
            if !peer.say_bytes(answer.replace("{tag}", "A2").as_bytes()).await {
                return;
            }
        }
        peer.hang().await;
    });
    let scripted = scripted.await;
    let mut imap = scripted.connect(patient()).await.unwrap();
    imap.adopt(limits);
    let fetched = timeout(Duration::from_secs(15), imap.headers(1, Some(9), &["X"])).await.expect("it hangs");
    assert!(imap.framer.held() <= 256 << 10, "{} bytes are held", imap.framer.held());
    if fetched.is_err() {
        // Nobody knows where in the stream it stands.
        assert_eq!(imap.noop().await.unwrap_err().detail, "the session was given up before");
    }
    drop(imap);
    scripted.done().await;
    fetched.map(|headers| headers.len())
}

#[tokio::test]
async fn greetings_that_are_none() {
    for (greeting, reason) in [
        (&b"* BYE go away\r\n"[..], MailboxFault::Unavailable),
        (b"* BYE [LIMIT] Too many connections\r\n", MailboxFault::Throttled),
        (b"* NO\r\n", MailboxFault::Unavailable),
        (b"220 smtp.example ESMTP\r\n", MailboxFault::Protocol),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", MailboxFault::Protocol),
        (b"\x16\x03\x01\x02\x00\n", MailboxFault::Protocol),
        (b"* OK \0\r\n", MailboxFault::Protocol),
        (b"+ hello\r\n", MailboxFault::Protocol),
        (b"A1 OK hello\r\n", MailboxFault::Protocol),
        (b"* 5 EXISTS\r\n", MailboxFault::Protocol),
        (b"* OK hello\r\nA1 OK too early\r\n", MailboxFault::Protocol),
    ] {
        let fault = greeted(greeting, patient()).await;
        assert_eq!(fault.reason, reason, "{:?} {fault}", String::from_utf8_lossy(greeting));
    }
    // Silence, half a line, an early end.
    assert_eq!(greeted(b"* OK", brief()).await.reason, MailboxFault::Timeout);
    assert_eq!(greeted(b"* OK hello\r\n", brief()).await.reason, MailboxFault::Timeout);
    assert_eq!(greeted(b"", patient()).await.reason, MailboxFault::Tcp);
    let silent = plain(async |mut peer: Peer| peer.hang().await).await;
    assert_eq!(silent.connect(brief()).await.unwrap_err().reason, MailboxFault::Timeout);
}

#[tokio::test]
async fn a_server_that_is_not_there() {
    let mut scripted = plain(async |mut peer: Peer| peer.hang().await).await;
    scripted.server.server.host = "mail.invalid".into();
    let limits = Limits { connect: Duration::from_millis(300), ..patient() };
    assert_eq!(scripted.connect(limits).await.unwrap_err().reason, MailboxFault::Dns);
    scripted.server.server.host = "127.0.0.1".into();
    scripted.server.server.port = 1;
    assert_eq!(scripted.connect(patient()).await.unwrap_err().reason, MailboxFault::Tcp);
}

#[tokio::test]
async fn announcements_beyond_the_limits_are_refused_at_once() {
    for answer in
        ["* 1 FETCH (UID 1 BODY[HEADER.FIELDS (X)] {524288000}\r\n", "* 1 FETCH (BODY[] {99999999999999999999}\r\n"]
    {
        let fault = fetched(answer, 1, patient()).await.unwrap_err();
        assert_eq!(fault.reason, MailboxFault::Protocol);
        assert!(fault.detail.starts_with("a literal of "), "{fault}");
    }
}

#[tokio::test]
async fn endless_things_end() {
    let limits = Limits { response: 1 << 20, ..patient() };
    for (piece, detail) in [
        // One line without an end.
        ("x".repeat(1000), "a response of more than 65536 bytes without a literal"),
        // Millions of tiny responses.
        ("* 1 EXISTS\r\n".repeat(1000), "more than 1048576 bytes in answer to one command"),
        ("* 1 FETCH (FLAGS ())\r\n".repeat(1000), "more than 1048576 bytes in answer to one command"),
        (
            "* 1 FETCH (UID 3 BODY[X] {1000}\r\n".to_owned() + &"y".repeat(1000) + ")\r\n",
            "more than 1048576 bytes in answer to one command",
        ),
        // One response of endless literals.
        ("{0}\r\n".replace("{0}", "* 1 FETCH (A {0}"), "more than 64 literals in one response"),
    ] {
        let piece = if piece.starts_with("* 1 FETCH (A") { piece + &" {0}\r\n".repeat(100) } else { piece };
        let fault = fetched(&piece, 3_000, limits).await.unwrap_err();
        assert_eq!((fault.reason, fault.detail.as_str()), (MailboxFault::Protocol, detail));
    }
}

#[tokio::test]
async fn silence_and_trickle_run_into_the_time_limit() {
    for answer in ["", "* 1 FETCH (UID 1 BODY[X] {100}\r\nabc", "* 1 FETCH (UID 1 BODY[X] {3}\r\nabc)\r\n", "* 1 FE"] {
        assert_eq!(fetched(answer, 1, brief()).await.unwrap_err().reason, MailboxFault::Timeout, "{answer}");
    }
    // Always something, never the end.
    let trickle = plain(async |mut peer: Peer| {
        peer.log_in("").await;
        while peer.say("x").await {
            tokio::task::yield_now().await;
        }
    });
    let trickle = trickle.await;
    let limits = Limits { line: usize::MAX, ..brief() };
    let mut imap = trickle.connect(patient()).await.unwrap();
    imap.adopt(limits);
    assert_eq!(imap.noop().await.unwrap_err().reason, MailboxFault::Timeout);
    drop(imap);
    trickle.done().await;
}

#[tokio::test]
async fn one_byte_at_a_time_is_understood() {
    let slow = plain(async |mut peer: Peer| {
        peer.log_in("").await;
        peer.line().await;
        for byte in b"* 1 FETCH (UID 1 BODY[HEADER.FIELDS (X)] {6}\r\nX: \r\n\r)\r\nA2 OK done\r\n" {
            peer.say_bytes(&[*byte]).await;
            tokio::task::yield_now().await;
        }
    });
    let slow = slow.await;
    let mut imap = slow.connect(patient()).await.unwrap();
    assert_eq!(imap.headers(1, Some(9), &["X"]).await.unwrap()[0].fields, b"X: \r\n\r");
    slow.done().await;
}

#[tokio::test]
async fn garbage_in_an_answer_is_a_protocol_fault() {
    for answer in [
        "garbage\r\n",
        "\r\n",
        "* 1 FETCH (UID 1 BODY[X] {3}\r\nabc\r\n",
        "* 1 FETCH (UID 99999999999 BODY[X] \"\")\r\n",
        "* 1 FETCH UID 1\r\n",
        "* 1 FETCH (UID 1 \0)\r\n",
        "+ \r\n",
        "A1 OK done\r\n",
        "A3 OK done\r\n",
        "A OK done\r\n",
        "{tag} MAYBE done\r\n",
    ] {
        assert_eq!(fetched(answer, 1, patient()).await.unwrap_err().reason, MailboxFault::Protocol, "{answer:?}");
    }
}

#[tokio::test]
async fn nesting_and_strange_texts_are_survived() {
    let deep = format!(
        "* 1 FETCH (BODYSTRUCTURE {}{} UID 1 BODY[X] \"y\")\r\n{{tag}} OK done\r\n",
        "(".repeat(10_000),
        ")".repeat(10_000)
    );
    assert_eq!(fetched(&deep, 1, patient()).await, Ok(1));
    let unclosed = format!("* 1 FETCH (BODYSTRUCTURE {}\r\n", "(".repeat(60_000));
    assert_eq!(fetched(&unclosed, 1, patient()).await.unwrap_err().reason, MailboxFault::Protocol);
    let strange = "* OK [ALERT]登录\r\n* NO \u{fffd}é {99999999}\r\n* X-NEW (((\r\n* 1 FETCH (UID 1 BODY[X] NIL)\r\n{tag} OK [X]é\r\n";
    assert_eq!(fetched(strange, 1, patient()).await, Ok(1));
}

#[tokio::test]
async fn an_answer_before_its_question_is_refused() {
    let early = plain(async |mut peer: Peer| {
        peer.log_in("").await;
        peer.answer("NOOP", "{tag} OK done\r\nA3 OK [UIDVALIDITY 1] done\r\n").await;
        peer.hang().await;
    });
    let early = early.await;
    let mut imap = early.connect(patient()).await.unwrap();
    imap.noop().await.unwrap();
    let fault = imap.examine("INBOX").await.unwrap_err();
    assert_eq!(fault.detail, "an answer came before EXAMINE was sent");
    drop(imap);
    early.done().await;
}

#[tokio::test]
async fn too_many_folders_or_messages_are_refused() {
    let many = plain(async |mut peer: Peer| {
        peer.log_in("").await;
        peer.line().await;
        peer.say(&"* LIST () NIL a\r\n".repeat(20_000)).await;
        peer.hang().await;
    });
    let many = many.await;
    let mut imap = many.connect(patient()).await.unwrap();
    assert_eq!(imap.folders().await.unwrap_err().detail, "more than 10000 folders");
    let many = plain(async |mut peer: Peer| {
        peer.log_in("").await;
        peer.line().await;
        let lines: String = (1..30_000).map(|uid| format!("* 1 FETCH (UID {uid} BODY[X] \"\")\r\n")).collect();
        peer.say(&lines).await;
        peer.hang().await;
    });
    let many = many.await;
    let mut imap = many.connect(patient()).await.unwrap();
    assert_eq!(imap.headers(1, None, &["X"]).await.unwrap_err().detail, "more than 20000 messages in one batch");
}

#[tokio::test]
async fn a_cancelled_command_ends_the_session() {
    let slow = plain(async |mut peer: Peer| {
        peer.log_in("").await;
        peer.hang().await;
    });
    let slow = slow.await;
    let mut imap = slow.connect(patient()).await.unwrap();
    assert!(timeout(Duration::from_millis(10), imap.noop()).await.is_err());
    assert_eq!(imap.noop().await.unwrap_err().reason, MailboxFault::Protocol);
    drop(imap);
    slow.done().await;
}

#[tokio::test]
async fn a_message_with_a_giant_header_is_passed_over() {
    let hostile = plain(async |mut peer: Peer| {
        peer.log_in("").await;
        // A server sends no more of a section than it is asked for (RFC 3501 §6.4.5), and says from where.
        peer.expect("UID FETCH 1:9 (UID INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (X)]<0.16384>)").await;
        peer.say("* 1 FETCH (UID 1 BODY[HEADER.FIELDS (X)]<0> {16384}\r\n").await;
        peer.say_bytes(&[b'x'; 16384]).await;
        peer.say(")\r\n* 2 FETCH (UID 2 BODY[HEADER.FIELDS (X)]<0> {8}\r\nX: y\r\n\r\n)\r\n{tag} OK done\r\n").await;
        peer.answer("NOOP", "{tag} OK done\r\n").await;
    });
    let hostile = hostile.await;
    let mut imap = hostile.connect(patient()).await.unwrap();
    let headers = imap.headers(1, Some(9), &["X"]).await.unwrap();
    assert_eq!(headers.iter().map(|header| header.fields.len()).collect::<Vec<_>>(), [16384, 8]);
    imap.noop().await.unwrap();
    hostile.done().await;
}
