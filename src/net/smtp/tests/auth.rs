//! Saying who we are.

use std::sync::Arc;

use secrecy::SecretString;

use super::server::{Do, Script, say};
use super::*;
use crate::model::{Secret, SecretError, SecretSource};

#[derive(Debug)]
struct Given(Result<&'static str, &'static str>);

impl SecretSource for Given {
    fn read(&self) -> Result<SecretString, SecretError> {
        self.0.map(SecretString::from).map_err(|reason| SecretError(reason.into()))
    }
}

fn given(secret: &'static str) -> Secret {
    Arc::new(Given(Ok(secret)))
}

pub fn credentials() -> Credentials {
    Credentials { username: given("shop"), password: given("p w") }
}

fn case(port: u16) -> Case {
    let mut case = Case::new(port, TlsMode::None);
    case.credentials = Some(credentials());
    case
}

#[tokio::test]
async fn plain_before_login_and_only_what_is_offered() {
    for (offers, expected) in [
        ("AUTH LOGIN PLAIN", &["AUTH PLAIN AHNob3AAcCB3"][..]),
        ("AUTH=LOGIN", &["AUTH LOGIN", "c2hvcA==", "cCB3"]),
        ("auth login cram-md5", &["AUTH LOGIN", "c2hvcA==", "cCB3"]),
    ] {
        let server = Script::default().offering(&[offers]).serve().await;
        let attempt = case(server.port).run().await;
        assert_eq!(brief(&attempt.handoff), "accepted 250 4ABC");
        assert!(attempt.timings.iter().any(|(phase, _)| phase == Phase::Auth));
        let heard = server.heard();
        assert_eq!(&heard[2..2 + expected.len()], expected);
        assert!(heard[2 + expected.len()].starts_with("MAIL"));
    }
}

#[tokio::test]
async fn a_server_may_ask_for_the_response_it_was_given() {
    let server = Script::default().offering(&["AUTH PLAIN"]).at("AUTH", say("334 \n")).serve().await;
    assert_eq!(brief(&case(server.port).handoff().await), "accepted 250 4ABC");
    assert_eq!(&server.heard()[2..4], ["AUTH PLAIN AHNob3AAcCB3", "AHNob3AAcCB3"]);
}

#[tokio::test]
async fn refused_credentials_are_told_apart_from_a_busy_server() {
    for mechanism in ["AUTH PLAIN", "AUTH LOGIN"] {
        for (what, expected) in [
            (say("535 5.7.8 no\n"), "auth 535 auth"),
            (say("534 5.7.9 weak\n"), "auth 534 auth"),
            (say("530 5.7.0 no\n"), "auth 530 auth"),
            (say("504 5.5.4 no\n"), "auth 504 auth"),
            (say("454 4.7.0 later\n"), "deferred 454 Auth"),
            (say("421 4.7.0 bye\n"), "deferred 421 Auth"),
            (say("250 what\n"), "protocol 250 auth"),
            (say("what\n"), "protocol auth"),
            (Do::Drop, "tcp auth"),
        ] {
            let point = if mechanism == "AUTH PLAIN" { "AUTH" } else { "response" };
            let server = Script::default().offering(&[mechanism]).at(point, what).serve().await;
            assert_eq!(brief(&case(server.port).handoff().await), expected, "{mechanism}");
        }
    }
}

#[tokio::test]
async fn a_refusal_says_so_with_the_servers_words_and_without_the_password() {
    let server = Script::default().offering(&["AUTH PLAIN"]).at("AUTH", say("535 5.7.8 bad password\n")).serve().await;
    let handoff = case(server.port).handoff().await;
    assert_eq!(detail(&handoff), "the server refused the credentials: 535 bad password");
    assert!(!format!("{handoff:?}").contains("p w"));
    server.hears("QUIT").await;
}

#[tokio::test]
async fn without_a_mechanism_to_use_nothing_is_sent() {
    for (offers, reason) in [
        (&[][..], "the server offers no AUTH"),
        (&["AUTH XOAUTH2 NTLM"], "the server offers neither PLAIN nor LOGIN, but XOAUTH2, NTLM"),
    ] {
        let server = Script::default().offering(offers).serve().await;
        let handoff = case(server.port).handoff().await;
        assert_eq!((brief(&handoff).as_str(), detail(&handoff)), ("auth auth", reason));
        assert!(!server.heard().iter().any(|line| line.starts_with("AUTH")));
    }
}

#[tokio::test]
async fn a_demand_for_credentials_or_tls_is_not_a_refused_message() {
    let server = Script::default().at("MAIL", say("530 5.7.0 Authentication required\n")).serve().await;
    let handoff = Case::new(server.port, TlsMode::None).handoff().await;
    assert_eq!(brief(&handoff), "auth 530 envelope");
    assert!(detail(&handoff).starts_with("the server demands credentials"));
    let server = Script::default().at("MAIL", say("530 5.7.0 Must issue a STARTTLS command first\n")).serve().await;
    assert_eq!(brief(&Case::new(server.port, TlsMode::None).handoff().await), "tls 530 envelope");
}

#[tokio::test]
async fn an_unreadable_secret_is_an_auth_failure_that_names_the_place() {
    let server = Script::default().offering(&["AUTH PLAIN"]).serve().await;
    let mut case = case(server.port);
    let password: Secret = Arc::new(Given(Err("could not read /run/secrets/ses: gone")));
    case.credentials = Some(Credentials { username: given("shop"), password });
    let handoff = case.handoff().await;
    assert_eq!((brief(&handoff).as_str(), detail(&handoff)), ("auth auth", "could not read /run/secrets/ses: gone"));
    case.credentials = Some(Credentials { username: given("shop"), password: given("a\0b") });
    assert_eq!(brief(&case.handoff().await), "auth auth");
}

#[tokio::test]
async fn a_server_that_repeats_the_credentials_is_not_quoted() {
    let long = format!("what is {}AHNob3AAcCB3", "this ".repeat(11));
    for (mechanism, point, says) in [
        ("AUTH PLAIN", "AUTH", "500 Command unrecognized: AUTH PLAIN AHNob3AAcCB3\n"),
        ("AUTH PLAIN", "AUTH", "450 4.3.2 later, not auth plain ahnob3aaccb3\n"),
        ("AUTH PLAIN", "AUTH", "535-5.7.8 no\n535 5.7.8 the password p w is wrong\n"),
        ("AUTH PLAIN", "AUTH", "220 AHNob3AAcCB3?\n"),
        ("AUTH PLAIN", "AUTH", &long),
        ("AUTH LOGIN", "response", "501 what is cCB3\n"),
        ("AUTH LOGIN", "username", "501 what is c2hvcA==\n"),
    ] {
        let what = if says == long { say(&format!("{long}\n")) } else { say(says) };
        let server = Script::default().offering(&[mechanism]).at(point, what).serve().await;
        let handoff = case(server.port).handoff().await;
        let told = format!("{handoff:?}").to_lowercase();
        for secret in ["ahnob3aaccb3", "ccb3", "c2hvca", "p w"] {
            assert!(!told.contains(secret), "{says}: {told}");
        }
        assert!(told.contains("(a text that repeats the credentials)"), "{told}");
    }
}
