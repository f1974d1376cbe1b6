//! Greeting, capabilities, LOGIN and AUTHENTICATE, ID.

use crate::model::MailboxFault;
use crate::net::imap::tests::scripted::{Peer, Scripted, patient, plain, secret};
use crate::net::imap::{Fault, Imap};

async fn with_password<F, S>(password: &str, script: F) -> (Result<Imap, Fault>, Scripted)
where
    F: FnOnce(Peer) -> S + Send + 'static,
    S: Future<Output = ()> + Send,
{
    let mut scripted = plain(script).await;
    scripted.server.credentials.password = secret(password);
    (scripted.connect(patient()).await, scripted)
}

/// The fault of a server that answers the login with `answer`.
async fn refused(answer: &'static str) -> Fault {
    let scripted = plain(async move |mut peer: Peer| {
        peer.say("* OK [CAPABILITY IMAP4rev1] hi\r\n").await;
        peer.answer(r#"LOGIN "user" "secret""#, answer).await;
        peer.hang().await;
    });
    let scripted = scripted.await;
    let fault = scripted.connect(patient()).await.unwrap_err();
    scripted.done().await;
    fault
}

#[tokio::test]
async fn capabilities_are_read_again_after_the_login_and_id_is_sent_before_anything_else() {
    let scripted = plain(async |mut peer: Peer| {
        peer.say("* OK ready\r\n").await;
        peer.answer("CAPABILITY", "* CAPABILITY IMAP4rev1 SASL-IR\r\n{tag} OK done\r\n").await;
        peer.answer(r#"LOGIN "user" "secret""#, "{tag} OK in\r\n").await;
        peer.answer("CAPABILITY", "* CAPABILITY IMAP4rev1 ID idle\r\n{tag} OK done\r\n").await;
        peer.answer(r#"ID ("name" "landfall")"#, "* ID (\"name\" \"Coremail\" \"x\" NIL)\r\n{tag} OK done\r\n").await;
        peer.answer("NOOP", "* OK still here\r\n{tag} OK done\r\n").await;
        peer.answer("LOGOUT", "* BYE bye\r\n{tag} OK done\r\n").await;
    });
    let scripted = scripted.await;
    let mut imap = scripted.connect(patient()).await.unwrap();
    assert!(imap.capabilities().has("IDLE") && imap.capabilities().has("id") && !imap.capabilities().has("SASL-IR"));
    imap.noop().await.unwrap();
    imap.logout().await;
    scripted.done().await;
}

#[tokio::test]
async fn a_refused_id_changes_nothing_and_preauth_needs_no_login() {
    let scripted = plain(async |mut peer: Peer| {
        peer.say("* PREAUTH [CAPABILITY IMAP4rev1 ID] welcome back\r\n").await;
        peer.answer(r#"ID ("name" "landfall")"#, "{tag} BAD what?\r\n").await;
        peer.answer("NOOP", "{tag} OK done\r\n").await;
    });
    let scripted = scripted.await;
    scripted.connect(patient()).await.unwrap().noop().await.unwrap();
    scripted.done().await;
}

#[tokio::test]
async fn plain_is_used_where_login_is_disabled_with_and_without_an_initial_response() {
    // printf '\0user\0secret' | base64
    let scripted = plain(async |mut peer: Peer| {
        peer.say("* OK [CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=PLAIN SASL-IR] hi\r\n").await;
        peer.answer("AUTHENTICATE PLAIN AHVzZXIAc2VjcmV0", "{tag} OK [CAPABILITY IMAP4rev1] in\r\n").await;
    });
    let scripted = scripted.await;
    scripted.connect(patient()).await.unwrap();
    scripted.done().await;
    let scripted = plain(async |mut peer: Peer| {
        peer.say("* OK [CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=PLAIN] hi\r\n").await;
        peer.answer("AUTHENTICATE PLAIN", "+ \r\n").await;
        assert_eq!(peer.line().await, "AHVzZXIAc2VjcmV0");
        peer.say("{tag} OK [CAPABILITY IMAP4rev1] in\r\n").await;
    });
    let scripted = scripted.await;
    scripted.connect(patient()).await.unwrap();
    scripted.done().await;
}

#[tokio::test]
async fn a_further_challenge_is_declined() {
    let scripted = plain(async |mut peer: Peer| {
        peer.say("* OK [CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=PLAIN SASL-IR] hi\r\n").await;
        peer.answer("AUTHENTICATE PLAIN AHVzZXIAc2VjcmV0", "+ eyJzdGF0dXMiOiI0MDAifQ==\r\n").await;
        assert_eq!(peer.line().await, "*");
        peer.say("{tag} NO [AUTHENTICATIONFAILED] no\r\n").await;
    });
    let scripted = scripted.await;
    assert_eq!(scripted.connect(patient()).await.unwrap_err().reason, MailboxFault::Auth);
    scripted.done().await;
}

#[tokio::test]
async fn every_password_arrives_as_it_is() {
    let (imap, scripted) = with_password("pä\"\\ß{3}", async |mut peer: Peer| {
        peer.say("* OK [CAPABILITY IMAP4rev1] hi\r\n").await;
        peer.answer(r#"LOGIN "user" {10}"#, "+ go on\r\n").await;
        assert_eq!(peer.exactly(12).await, "pä\"\\ß{3}\r\n".as_bytes());
        peer.say("{tag} OK [CAPABILITY IMAP4rev1] in\r\n").await;
    })
    .await;
    imap.unwrap();
    scripted.done().await;
    let (imap, scripted) = with_password("a\\b", async |mut peer: Peer| {
        peer.say("* OK [CAPABILITY IMAP4rev1 LITERAL+] hi\r\n").await;
        peer.expect(r#"LOGIN "user" {3+}"#).await;
        assert_eq!(peer.exactly(5).await, b"a\\b\r\n");
        peer.say("{tag} OK [CAPABILITY IMAP4rev1] in\r\n").await;
    })
    .await;
    imap.unwrap();
    scripted.done().await;
    let (imap, scripted) = with_password("a\"b", async |mut peer: Peer| {
        peer.say("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hi\r\n").await;
        peer.answer("AUTHENTICATE PLAIN AHVzZXIAYSJi", "{tag} OK [CAPABILITY IMAP4rev1] in\r\n").await;
    })
    .await;
    imap.unwrap();
    scripted.done().await;
}

#[tokio::test]
async fn without_a_way_to_log_in_the_fault_says_so() {
    let scripted = plain(async |mut peer: Peer| {
        peer.say("* OK [CAPABILITY IMAP4rev1 LOGINDISABLED STARTTLS] hi\r\n").await;
        assert_eq!(peer.line().await, "", "no password is sent");
    });
    let scripted = scripted.await;
    let fault = scripted.connect(patient()).await.unwrap_err();
    assert_eq!(fault.reason, MailboxFault::Auth);
    assert!(fault.detail.contains("LOGINDISABLED"), "{fault}");
    scripted.done().await;
    let (imap, _) = with_password("a\0b", async |mut peer: Peer| {
        peer.say("* OK [CAPABILITY IMAP4rev1] hi\r\n").await;
    })
    .await;
    assert_eq!(imap.unwrap_err().reason, MailboxFault::Auth);
}

#[tokio::test]
async fn refusals_of_the_login_are_told_apart() {
    for (answer, reason) in [
        ("{tag} NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)\r\n", MailboxFault::Auth),
        ("{tag} NO LOGIN failed\r\n", MailboxFault::Auth),
        ("{tag} NO [UNAVAILABLE] try later\r\n", MailboxFault::Unavailable),
        ("{tag} NO [ALERT] Too many simultaneous connections. (Failure)\r\n", MailboxFault::Throttled),
        ("* BYE [UNAVAILABLE] maintenance\r\n", MailboxFault::Unavailable),
        ("* BYE Too many connections\r\n", MailboxFault::Throttled),
        ("{tag} BAD syntax\r\n", MailboxFault::Protocol),
        ("A999 OK in\r\n", MailboxFault::Protocol),
        ("+ more\r\n", MailboxFault::Protocol),
    ] {
        assert_eq!(refused(answer).await.reason, reason, "{answer}");
    }
}

#[tokio::test]
async fn no_fault_ever_holds_the_password() {
    for answer in [
        "{tag} BAD cannot parse: LOGIN \"user\" \"secret\"\r\n",
        "{tag} NO [SECRET] x\r\n",
        "* BYE AHVzZXIAc2VjcmV0\r\n",
        "* BYE login user SECRET\r\n",
    ] {
        let text = format!("{:?}", refused(answer).await).to_lowercase();
        assert!(!text.contains("secret") && !text.contains("ahvzzxiac2vjcmv0"), "{text}");
    }
}
