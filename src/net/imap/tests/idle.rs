//! IDLE.

use std::future::{pending, ready};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::model::MailboxFault;
use crate::net::imap::tests::scripted::{Peer, Scripted, brief, patient, plain};
use crate::net::imap::{IdleEnd, Imap, Limits};

const LONG: Duration = Duration::from_mins(10);

async fn opened<F, S>(limits: Limits, script: F) -> (Imap, Scripted)
where
    F: FnOnce(Peer) -> S + Send + 'static,
    S: Future<Output = ()> + Send,
{
    let scripted = plain(async move |mut peer: Peer| {
        peer.log_in("IDLE").await;
        peer.open("EXAMINE \"INBOX\"", 3).await;
        script(peer).await;
    });
    let scripted = scripted.await;
    let mut imap = scripted.connect(patient()).await.unwrap();
    imap.examine("INBOX").await.unwrap().unwrap();
    imap.adopt(limits);
    (imap, scripted)
}

#[tokio::test]
async fn it_ends_on_new_messages_and_the_session_goes_on() {
    for news in [
        "* 4 EXISTS\r\n",
        "* 1 EXPUNGE\r\n",
        "* OK Still here\r\n* 3 EXISTS\r\n* 0 RECENT\r\n* 2 EXISTS\r\n",
        "* VANISHED 7\r\n",
    ] {
        let (mut imap, scripted) = opened(patient(), async move |mut peer: Peer| {
            peer.answer("IDLE", "+ idling\r\n").await;
            peer.say(news).await;
            assert_eq!(peer.line().await, "DONE");
            peer.say("* 1 FETCH (FLAGS ())\r\n{tag} OK done\r\n").await;
            peer.answer("NOOP", "{tag} OK done\r\n").await;
        })
        .await;
        assert_eq!(imap.idle(LONG, pending()).await, Ok(IdleEnd::Changed), "{news}");
        imap.noop().await.unwrap();
        assert!(!imap.take_changed(), "told once");
        scripted.done().await;
    }
}

#[tokio::test]
async fn the_caller_can_wake_it_and_the_limit_ends_it() {
    let (mut imap, scripted) = opened(patient(), async move |mut peer: Peer| {
        for _ in 0..2 {
            peer.answer("IDLE", "+ idling\r\n").await;
            assert_eq!(peer.line().await, "DONE");
            peer.say("{tag} OK done\r\n").await;
        }
        // News that come while the command is being ended are told at once.
        peer.answer("IDLE", "+ idling\r\n").await;
        assert_eq!(peer.line().await, "DONE");
        peer.say("* 4 EXISTS\r\n{tag} OK done\r\n").await;
    })
    .await;
    assert_eq!(imap.idle(LONG, ready(())).await, Ok(IdleEnd::Woken));
    assert_eq!(imap.idle(Duration::from_millis(5), pending()).await, Ok(IdleEnd::TimedOut));
    assert_eq!(imap.idle(Duration::from_millis(5), pending()).await, Ok(IdleEnd::Changed));
    scripted.done().await;
}

#[tokio::test]
async fn half_a_response_survives_being_woken() {
    let (wake, woken) = oneshot::channel();
    let (mut imap, scripted) = opened(patient(), async move |mut peer: Peer| {
        peer.answer("IDLE", "+ idling\r\n* 4 EXI").await;
        wake.send(()).unwrap();
        assert_eq!(peer.line().await, "DONE");
        peer.say("STS\r\n{tag} OK done\r\n").await;
    })
    .await;
    let woken = async { woken.await.unwrap() };
    assert_eq!(imap.idle(LONG, woken).await, Ok(IdleEnd::Changed));
    scripted.done().await;
}

#[tokio::test]
async fn what_changed_before_is_told_without_waiting() {
    let (mut imap, scripted) = opened(patient(), async move |mut peer: Peer| {
        peer.answer("NOOP", "* 4 EXISTS\r\n{tag} OK done\r\n").await;
        peer.hang().await;
    })
    .await;
    imap.noop().await.unwrap();
    assert_eq!(imap.idle(LONG, pending()).await, Ok(IdleEnd::Changed));
    drop(imap);
    scripted.done().await;
}

#[tokio::test]
async fn a_refusal_means_polling_and_the_session_goes_on() {
    for answer in [
        "{tag} NO not allowed\r\n",
        "{tag} BAD unknown command\r\n",
        "+ idling\r\n{tag} NO enough\r\n",
        "{tag} OK done\r\n",
        "+ idling\r\n{tag} OK done\r\n",
    ] {
        let (mut imap, scripted) = opened(patient(), async move |mut peer: Peer| {
            peer.answer("IDLE", answer).await;
            peer.answer("NOOP", "{tag} OK done\r\n").await;
        })
        .await;
        assert!(matches!(imap.idle(LONG, pending()).await, Ok(IdleEnd::Refused(_))), "{answer}");
        imap.noop().await.unwrap();
        scripted.done().await;
    }
    let scripted = plain(async |mut peer: Peer| {
        peer.log_in("").await;
        peer.hang().await;
    });
    let scripted = scripted.await;
    let mut imap = scripted.connect(patient()).await.unwrap();
    assert!(matches!(imap.idle(LONG, pending()).await, Ok(IdleEnd::Refused(_))));
}

#[tokio::test]
async fn a_server_that_goes_away_or_falls_silent_is_a_fault_and_never_a_hang() {
    for (answer, reason) in [
        ("", MailboxFault::Tcp),
        ("+ idling\r\n", MailboxFault::Tcp),
        ("+ idling\r\n* 4 EX", MailboxFault::Tcp),
        ("+ idling\r\n* BYE idle too long\r\n", MailboxFault::Unavailable),
        ("+ idling\r\nA999 OK done\r\n", MailboxFault::Protocol),
        ("+ idling\r\nhello\r\n", MailboxFault::Protocol),
    ] {
        let (mut imap, scripted) =
            opened(patient(), async move |mut peer: Peer| peer.answer("IDLE", answer).await).await;
        assert_eq!(imap.idle(LONG, pending()).await.unwrap_err().reason, reason, "{answer}");
        scripted.done().await;
    }
    // Never answers IDLE; never answers DONE.
    let (mut imap, scripted) = opened(brief(), async move |mut peer: Peer| peer.hang().await).await;
    assert_eq!(imap.idle(LONG, pending()).await.unwrap_err().reason, MailboxFault::Timeout);
    drop(imap);
    scripted.done().await;
    let (mut imap, scripted) = opened(brief(), async move |mut peer: Peer| {
        peer.answer("IDLE", "+ idling\r\n").await;
        peer.hang().await;
    })
    .await;
    assert_eq!(imap.idle(LONG, ready(())).await.unwrap_err().reason, MailboxFault::Timeout);
    assert_eq!(imap.noop().await.unwrap_err().reason, MailboxFault::Protocol, "the session is over");
    drop(imap);
    scripted.done().await;
}
