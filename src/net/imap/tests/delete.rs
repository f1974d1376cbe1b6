//! Deleting a seed, and leaving everything else alone.

use crate::model::MailboxFault;
use crate::net::imap::tests::scripted::{Peer, patient, plain};
use crate::net::imap::{Deleted, Fault};

const FETCH: &str = "UID FETCH 12:12 (UID INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (X-Seed)]<0.16384>)";

/// Deletes UID 12 of UIDVALIDITY 7 at a server whose script goes on after the login. The script must end by itself: a command
/// that it does not expect fails the test.
async fn delete<F, S>(capabilities: &'static str, script: F) -> Result<Deleted, Fault>
where
    F: FnOnce(Peer) -> S + Send + 'static,
    S: Future<Output = Peer> + Send,
{
    let scripted = plain(async move |mut peer: Peer| {
        peer.log_in(capabilities).await;
        let mut peer = script(peer).await;
        assert_eq!(peer.line().await, "", "nothing more is sent");
    });
    let scripted = scripted.await;
    let mut imap = scripted.connect(patient()).await.unwrap();
    let deleted = imap.delete("Spam", 7, 12, |fields| fields.starts_with(b"X-Seed: ours"), &["X-Seed"]).await;
    drop(imap);
    scripted.done().await;
    deleted
}

#[tokio::test]
async fn our_seed_alone_is_removed() {
    let deleted = delete("UIDPLUS", async |mut peer: Peer| {
        peer.open("SELECT \"Spam\"", 3).await;
        peer.answer(
            FETCH,
            "* 2 FETCH (UID 12 BODY[HEADER.FIELDS (X-SEED)] {16}\r\nX-Seed: ours\r\n\r\n)\r\n{tag} OK done\r\n",
        )
        .await;
        peer.answer("UID STORE 12 +FLAGS.SILENT (\\Deleted)", "{tag} OK done\r\n").await;
        peer.answer("UID EXPUNGE 12", "* 2 EXPUNGE\r\n{tag} OK done\r\n").await;
        peer
    });
    assert_eq!(deleted.await, Ok(Deleted::Done));
}

#[tokio::test]
async fn what_is_not_ours_or_not_there_is_not_touched() {
    let foreign = delete("UIDPLUS", async |mut peer: Peer| {
        peer.open("SELECT \"Spam\"", 3).await;
        peer.answer(FETCH, "* 2 FETCH (UID 12 BODY[HEADER.FIELDS (X-SEED)] \"\")\r\n{tag} OK done\r\n").await;
        peer
    });
    assert_eq!(foreign.await, Ok(Deleted::NotOurs));
    let gone = delete("UIDPLUS", async |mut peer: Peer| {
        peer.open("SELECT \"Spam\"", 3).await;
        peer.answer(FETCH, "{tag} OK done\r\n").await;
        peer
    });
    assert_eq!(gone.await, Ok(Deleted::Gone));
    let renewed = delete("UIDPLUS", async |mut peer: Peer| {
        peer.answer("SELECT \"Spam\"", "* OK [UIDVALIDITY 8] new\r\n{tag} OK [READ-WRITE] open\r\n").await;
        peer
    });
    assert_eq!(renewed.await, Ok(Deleted::Gone));
    let no_folder = delete("UIDPLUS", async |mut peer: Peer| {
        peer.answer("SELECT \"Spam\"", "{tag} NO [NONEXISTENT] no such folder\r\n").await;
        peer
    });
    assert_eq!(no_folder.await, Ok(Deleted::Gone));
}

#[tokio::test]
async fn without_a_way_to_remove_one_message_nothing_is_changed() {
    assert_eq!(delete("MOVE", async |peer: Peer| peer).await, Ok(Deleted::Unsupported));
    let read_only = delete("UIDPLUS", async |mut peer: Peer| {
        peer.answer("SELECT \"Spam\"", "* OK [UIDVALIDITY 7] same\r\n{tag} OK [READ-ONLY] open\r\n").await;
        peer
    });
    assert_eq!(read_only.await, Ok(Deleted::Unsupported));
    let refused = delete("UIDPLUS", async |mut peer: Peer| {
        peer.open("SELECT \"Spam\"", 3).await;
        peer.answer(FETCH, "{tag} NO try later\r\n").await;
        peer
    });
    assert_eq!(refused.await.unwrap_err().reason, MailboxFault::Unavailable);
}

#[tokio::test]
async fn a_server_that_refuses_to_delete_is_no_trouble_of_the_mailbox() {
    let ours = "* 2 FETCH (UID 12 BODY[HEADER.FIELDS (X-SEED)] {16}\r\nX-Seed: ours\r\n\r\n)\r\n{tag} OK done\r\n";
    let store = delete("UIDPLUS", async move |mut peer: Peer| {
        peer.open("SELECT \"Spam\"", 3).await;
        peer.answer(FETCH, ours).await;
        peer.answer("UID STORE 12 +FLAGS.SILENT (\\Deleted)", "{tag} NO [NOPERM] not allowed\r\n").await;
        peer
    });
    assert_eq!(store.await, Ok(Deleted::Unsupported));
    let answers = [
        ("{tag} NO [NOPERM] not allowed\r\n", Ok(Deleted::Unsupported)),
        ("{tag} BAD what\r\n", Err(MailboxFault::Protocol)),
        ("{tag} NO [LIMIT] too many commands\r\n", Err(MailboxFault::Throttled)),
    ];
    for (answer, expected) in answers {
        let expunge = delete("UIDPLUS", async move |mut peer: Peer| {
            peer.open("SELECT \"Spam\"", 3).await;
            peer.answer(FETCH, ours).await;
            peer.answer("UID STORE 12 +FLAGS.SILENT (\\Deleted)", "{tag} OK done\r\n").await;
            peer.answer("UID EXPUNGE 12", answer).await;
            peer
        });
        assert_eq!(expunge.await.map_err(|fault| fault.reason), expected, "{answer}");
    }
}
