//! Folders, headers, messages, Gmail's tabs.

use crate::model::MailboxFault;
use crate::net::imap::tests::scripted::{Peer, Scripted, patient, plain};
use crate::net::imap::{Fault, Imap, Message};

async fn session<F, S>(capabilities: &'static str, script: F) -> (Imap, Scripted)
where
    F: FnOnce(Peer) -> S + Send + 'static,
    S: Future<Output = ()> + Send,
{
    let scripted = plain(async move |mut peer: Peer| {
        peer.log_in(capabilities).await;
        script(peer).await;
    });
    let scripted = scripted.await;
    (scripted.connect(patient()).await.unwrap(), scripted)
}

const HEADERS: &str = "(UID INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (X-Landfall-Seed Message-ID)]<0.16384>)";
const FIELDS: [&str; 2] = ["X-Landfall-Seed", "Message-ID"];

#[tokio::test]
async fn folders_are_listed_in_the_best_way_the_server_has() {
    for (capabilities, command, word) in [
        ("SPECIAL-USE LIST-EXTENDED XLIST", r#"LIST "" "*" RETURN (SPECIAL-USE)"#, "LIST"),
        ("SPECIAL-USE XLIST", r#"LIST "" "*""#, "LIST"),
        ("XLIST", r#"XLIST "" "*""#, "XLIST"),
        ("", r#"LIST "" "*""#, "LIST"),
    ] {
        let (mut imap, scripted) = session(capabilities, async move |mut peer: Peer| {
            let text = format!(
                "* {word} (\\HasNoChildren) \"/\" INBOX\r\n* {word} (\\Noselect) NIL {{1}}\r\na\r\n* 3 EXISTS\r\n\
                 * {word} (\\Junk) \".\" \"&V4NXPpCuTvY-\" (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n{{tag}} OK done\r\n"
            );
            peer.answer(command, &text).await;
        })
        .await;
        let folders = imap.folders().await.unwrap();
        let names: Vec<_> =
            folders.iter().map(|folder| (folder.name.as_str(), folder.delimiter, folder.selectable)).collect();
        assert_eq!(names, [("INBOX", Some('/'), true), ("a", None, false), ("垃圾邮件", Some('.'), true)]);
        scripted.done().await;
    }
}

#[tokio::test]
async fn a_refused_extension_falls_back_to_plain_list_and_a_refused_list_is_a_fault() {
    let (mut imap, scripted) = session("XLIST", async |mut peer: Peer| {
        peer.answer(r#"XLIST "" "*""#, "{tag} BAD unknown\r\n").await;
        peer.answer(r#"LIST "" "*""#, "* LIST () \"/\" INBOX\r\n{tag} OK done\r\n").await;
        peer.answer(r#"XLIST "" "*""#, "{tag} BAD unknown\r\n").await;
        peer.answer(r#"LIST "" "*""#, "{tag} NO not now\r\n").await;
    })
    .await;
    assert_eq!(imap.folders().await.unwrap().len(), 1);
    assert_eq!(imap.folders().await.unwrap_err().reason, MailboxFault::Unavailable);
    scripted.done().await;
}

#[tokio::test]
async fn a_folder_that_is_refused_is_told_from_an_account_that_is() {
    let (mut imap, scripted) = session("", async |mut peer: Peer| {
        peer.open("EXAMINE \"INBOX\"", 5).await;
        peer.answer("EXAMINE \"gone\"", "{tag} NO [NONEXISTENT] no such mailbox\r\n").await;
        peer.answer("EXAMINE {5}", "+ ok\r\n").await;
        assert_eq!(peer.exactly(7).await, b"a\"\r\nb\r\n");
        peer.say("* 1 EXISTS\r\n{tag} OK but no UIDVALIDITY\r\n").await;
        peer.answer("EXAMINE \"INBOX\"", "{tag} NO SELECT Unsafe Login. Please contact kefu@188.com for help\r\n")
            .await;
    })
    .await;
    let opened = imap.examine("INBOX").await.unwrap().unwrap();
    assert_eq!((opened.uid_validity, opened.uid_next, opened.exists), (7, Some(100), 5));
    let refusal = imap.examine("gone").await.unwrap().unwrap_err();
    assert_eq!(
        (refusal.code.as_deref(), refusal.to_string().as_str()),
        (Some("NONEXISTENT"), "NO [NONEXISTENT] no such mailbox")
    );
    assert!(imap.examine("a\"\r\nb").await.unwrap().is_err());
    assert_eq!(imap.examine("INBOX").await.unwrap_err().reason, MailboxFault::Auth);
    scripted.done().await;
}

#[tokio::test]
async fn headers_come_sorted_filtered_and_among_other_news() {
    let (mut imap, scripted) = session("", async |mut peer: Peer| {
        peer.open("EXAMINE \"INBOX\"", 3).await;
        let text = "* 3 FETCH (UID 12 INTERNALDATE \"01-Feb-2026 10:00:00 +0000\" RFC822.SIZE 900 \
            BODY[HEADER.FIELDS (X-LANDFALL-SEED MESSAGE-ID)] {8}\r\nA: b\r\n\r\n)\r\n\
            * 4 EXISTS\r\n* 1 FETCH (FLAGS (\\Seen))\r\n* 2 FETCH (FLAGS () UID 11)\r\n* 1 EXPUNGE\r\n* OK hello\r\n\
            * 1 FETCH (BODY[HEADER.FIELDS (\"X-Landfall-Seed\" \"Message-ID\")] NIL UID 11)\r\n\
            * 1 FETCH (UID 9 RFC822.SIZE 1 BODY[HEADER.FIELDS (X)] \"\")\r\n{tag} OK done\r\n";
        peer.answer(&format!("UID FETCH 10:* {HEADERS}"), text).await;
        peer.answer(&format!("UID FETCH 1:9 {HEADERS}"), "{tag} OK nothing\r\n").await;
    })
    .await;
    imap.examine("INBOX").await.unwrap().unwrap();
    let headers = imap.headers(10, None, &FIELDS).await.unwrap();
    let uids: Vec<_> = headers.iter().map(|header| (header.uid, header.size)).collect();
    assert_eq!(uids, [(11, 0), (12, 900)]);
    assert_eq!(headers[1].fields, b"A: b\r\n\r\n");
    assert_eq!(headers[1].arrived_at.unwrap().to_string(), "2026-02-01T10:00:00Z");
    assert!(imap.take_changed() && !imap.take_changed(), "4 EXISTS came in between");
    assert_eq!(imap.headers(1, Some(9), &FIELDS).await.unwrap(), []);
    scripted.done().await;
}

#[tokio::test]
async fn a_giant_header_of_a_stranger_costs_a_little_and_hides_nobody() {
    let (mut imap, scripted) = session("", async |mut peer: Peer| {
        let giant = "x".repeat(1 << 20);
        let text = format!(
            "* 1 FETCH (UID 1 BODY[HEADER.FIELDS (X)] {{1048576}}\r\n{giant})\r\n\
             * 2 FETCH (UID 2 BODY[HEADER.FIELDS (X)] {{4}}\r\nours)\r\n{{tag}} OK done\r\n"
        );
        peer.answer(&format!("UID FETCH 1:2 {HEADERS}"), &text).await;
    })
    .await;
    let headers = imap.headers(1, Some(2), &FIELDS).await.unwrap();
    assert_eq!(headers.iter().map(|header| header.fields.len()).collect::<Vec<_>>(), [16 << 10, 4]);
    scripted.done().await;
}

async fn message(answer: &'static str, max: usize) -> Result<Option<Message>, Fault> {
    let (mut imap, scripted) = session("", async move |mut peer: Peer| {
        let command = format!("UID FETCH 12 (UID INTERNALDATE RFC822.SIZE BODY.PEEK[]<0.{}>)", max + 1);
        peer.answer(&command, answer).await;
    })
    .await;
    let message = imap.message(12, max).await;
    if message.is_ok() {
        scripted.done().await;
    }
    message
}

#[tokio::test]
async fn a_message_is_taken_whole_cut_or_found_gone() {
    let whole = message("* 3 FETCH (UID 12 RFC822.SIZE 5 BODY[]<0> {5}\r\na\r\n\0b)\r\n{tag} OK done\r\n", 5).await;
    let whole = whole.unwrap().unwrap();
    assert_eq!((whole.bytes.as_slice(), whole.size, whole.truncated), (&b"a\r\n\0b"[..], 5, false));
    let cut = message("* 3 FETCH (UID 12 RFC822.SIZE 9 BODY[]<0> {6}\r\nabcdef)\r\n{tag} OK done\r\n", 5)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((cut.bytes.as_slice(), cut.size, cut.truncated), (&b"abcde"[..], 9, true));
    // A server that knows nothing of partial FETCH.
    let cut = message("* 3 FETCH (UID 12 BODY[] {9}\r\nabcdefghi)\r\n{tag} OK done\r\n", 5).await.unwrap().unwrap();
    assert_eq!((cut.bytes.as_slice(), cut.truncated), (&b"abcde"[..], true));
    for gone in [
        "{tag} OK done\r\n",
        "* 3 EXPUNGE\r\n{tag} OK done\r\n",
        "* 3 FETCH (UID 12 BODY[]<0> NIL)\r\n{tag} OK done\r\n",
        "* 3 FETCH (UID 13 BODY[]<0> \"other\")\r\n{tag} OK done\r\n",
        "{tag} NO [EXPUNGEISSUED] Some of the requested messages no longer exist\r\n",
    ] {
        assert_eq!(message(gone, 5).await, Ok(None), "{gone}");
    }
    for (answer, reason) in [
        ("{tag} NO disk error\r\n", MailboxFault::Unavailable),
        ("{tag} NO [NONEXISTENT] the folder was removed\r\n", MailboxFault::Unavailable),
        ("{tag} BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds\r\n", MailboxFault::Throttled),
        ("* BYE restarting\r\n", MailboxFault::Unavailable),
        ("* 3 FETCH (UID 12 BODY[]<0> {500}\r\nabc", MailboxFault::Tcp),
        ("", MailboxFault::Tcp),
    ] {
        assert_eq!(message(answer, 5).await.unwrap_err().reason, reason, "{answer}");
    }
}

#[tokio::test]
async fn an_empty_folder_is_not_asked_for_messages_until_one_comes() {
    let (mut imap, scripted) = session("", async |mut peer: Peer| {
        peer.open("EXAMINE \"INBOX\"", 0).await;
        peer.answer("NOOP", "* 1 EXISTS\r\n{tag} OK done\r\n").await;
        peer.answer("UID FETCH 1:* (UID)", "* 1 FETCH (UID 100)\r\n{tag} OK done\r\n").await;
    })
    .await;
    imap.examine("INBOX").await.unwrap().unwrap();
    assert_eq!(imap.uids(1, None).await, Ok(Vec::new()));
    assert_eq!(imap.headers(1, None, &FIELDS).await, Ok(Vec::new()));
    imap.noop().await.unwrap();
    assert_eq!(imap.uids(1, None).await, Ok(vec![100]));
    scripted.done().await;
}

#[tokio::test]
async fn what_is_kept_of_one_batch_is_bounded_altogether() {
    let (mut imap, scripted) = session("", async |mut peer: Peer| {
        peer.line().await;
        let fields = "z".repeat(16 << 10);
        for uid in 1..=1100 {
            peer.say(&format!("* 1 FETCH (UID {uid} BODY[HEADER.FIELDS (X)] {{16384}}\r\n{fields})\r\n")).await;
        }
    })
    .await;
    let fault = imap.headers(1, None, &FIELDS).await.unwrap_err();
    assert_eq!((fault.reason, fault.detail.as_str()), (MailboxFault::Protocol, "more than 16777216 bytes to keep"));
    scripted.done().await;
}

#[tokio::test]
async fn a_hundred_thousand_messages_are_walked_in_batches() {
    let (mut imap, scripted) = session("", async |mut peer: Peer| {
        peer.open("EXAMINE \"INBOX\"", 100_000).await;
        peer.expect("UID FETCH 1:* (UID)").await;
        let lines: String = (1..=100_000_u32).map(|n| format!("* {n} FETCH (UID {})\r\n", n * 40_000)).collect();
        peer.say(&lines).await;
        peer.say("{tag} OK done\r\n").await;
        for batch in 0..3 {
            let (first, last) = ((batch * 500 + 1) * 40_000, (batch * 500 + 500) * 40_000);
            peer.expect(&format!("UID FETCH {first}:{last} {HEADERS}")).await;
            let lines: String = (0..500)
                .map(|n| {
                    format!(
                        "* {n} FETCH (UID {} BODY[HEADER.FIELDS (X)] {{200}}\r\n{})\r\n",
                        first + n * 40_000,
                        "y".repeat(200)
                    )
                })
                .collect();
            peer.say(&lines).await;
            peer.say("{tag} OK done\r\n").await;
        }
    })
    .await;
    imap.examine("INBOX").await.unwrap().unwrap();
    let uids = imap.uids(1, None).await.unwrap();
    assert_eq!((uids.len(), uids[99_999]), (100_000, 4_000_000_000));
    for batch in uids.chunks(500).take(3) {
        assert_eq!(imap.headers(batch[0], Some(batch[499]), &FIELDS).await.unwrap().len(), 500);
    }
    scripted.done().await;
}

#[tokio::test]
async fn gmail_tells_the_tab_by_search_and_others_are_not_asked() {
    let (mut imap, scripted) = session("X-GM-EXT-1", async |mut peer: Peer| {
        peer.answer("UID SEARCH UID 9 X-GM-RAW \"category:promotions\"", "* SEARCH\r\n{tag} OK done\r\n").await;
        peer.answer("UID SEARCH UID 9 X-GM-RAW \"category:updates\"", "* SEARCH 9\r\n{tag} OK done\r\n").await;
        for tab in ["promotions", "updates", "social", "forums"] {
            peer.answer(&format!("UID SEARCH UID 10 X-GM-RAW \"category:{tab}\""), "* SEARCH \r\n{tag} OK done\r\n")
                .await;
        }
        peer.answer("UID SEARCH UID 11 X-GM-RAW \"category:promotions\"", "{tag} NO [OVERQUOTA] slow down\r\n").await;
    })
    .await;
    assert_eq!(imap.gmail_category(9).await, Ok(Some("updates")));
    assert_eq!(imap.gmail_category(10).await, Ok(None));
    assert_eq!(imap.gmail_category(11).await.unwrap_err().reason, MailboxFault::Throttled);
    scripted.done().await;
    let (mut imap, _scripted) = session("", async |mut peer: Peer| peer.hang().await).await;
    assert_eq!(imap.gmail_category(9).await, Ok(None));
}

#[tokio::test]
async fn a_whole_session_can_run_in_a_task() {
    fn sendable<T: Send>(work: T) -> T {
        work
    }
    let (mut imap, scripted) = session("", async |mut peer: Peer| peer.hang().await).await;
    let work = sendable(async move {
        let _ = imap.idle(std::time::Duration::ZERO, async {}).await;
        let _ = imap.delete("a", 1, 1, |_| true, &[]).await;
    });
    work.await;
    scripted.done().await;
}
