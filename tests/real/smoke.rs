//! The world itself: what the other tests rely on. Mail goes in by swaks and is looked at with doveadm, past Landfall.

use std::process::Command;
use std::time::Duration;

use crate::the_world;
use crate::world::accounts::Message;
use crate::world::{Mailbox, RELAY_PASSWORD, RELAY_USER, World, wait_for};

const SOON: Duration = Duration::from_secs(20);

/// Sends a message with swaks and gives its transcript.
fn swaks(world: &World, to: &Mailbox, from: &str, subject: &str, options: &[&str]) -> String {
    let output = Command::new("swaks")
        .args(["--to", &to.address, "--from", from, "--h-From", from, "--helo", "direct.good.test"])
        .args(["--h-Subject", subject, "--local-interface", &world.direct_address().to_string(), "--timeout", "20s"])
        .args(options)
        .output()
        .unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Over the relay's submission port, logged in.
fn by_relay(world: &World, to: &Mailbox, from: &str, subject: &str, options: &[&str]) -> String {
    let relay = format!("{}:587", world.relay_address());
    let login = ["--server", &relay, "--tls", "--auth", "PLAIN", "-au", RELAY_USER, "-ap", RELAY_PASSWORD];
    swaks(world, to, from, subject, &[&login, options].concat())
}

/// Straight to the receiver's MX.
fn directly(world: &World, to: &Mailbox, from: &str, subject: &str, options: &[&str]) -> String {
    swaks(world, to, from, subject, &[&["--server", &to.imap_address.to_string()], options].concat())
}

/// Waits until the folder holds `count` messages and gives them.
fn arrived(world: &World, mailbox: &Mailbox, folder: &str, count: usize) -> Vec<Message> {
    wait_for(&format!("{count} in {folder} of {}", mailbox.address), SOON, || match world.messages(mailbox, folder) {
        Ok(messages) if messages.len() == count => Ok(messages),
        Ok(messages) => Err(format!("{} are there", messages.len())),
        Err(problem) => Err(problem.to_string()),
    })
    .unwrap()
}

/// The fields of one name, unfolded.
fn fields(message: &Message, name: &str) -> Vec<String> {
    let head = message.text.split("\n\n").next().unwrap().replace("\n\t", " ").replace("\n ", " ");
    let prefix = format!("{name}:");
    head.lines().filter_map(|line| line.strip_prefix(&prefix)).map(|value| value.trim().to_owned()).collect()
}

/// The whole of the verdict headers, as one text.
fn verdicts(message: &Message) -> String {
    fields(message, "Authentication-Results").join("\n")
}

#[test]
fn mail_by_the_relay_lands_in_alphas_inbox_and_passes_everything() {
    let world = the_world();
    let ann = world.user("alpha.test", "ann").unwrap();
    by_relay(world, &ann, "no-reply@good.test", "hello", &[]);
    let got = arrived(world, &ann, "INBOX", 1);
    let verdicts = verdicts(&got[0]);
    assert!(verdicts.starts_with("mx.alpha.test;"), "{verdicts}");
    for verdict in ["dkim=pass header.d=good.test header.s=relay", "spf=pass", "dmarc=pass (policy=reject)"] {
        assert!(verdicts.contains(verdict), "{verdict} in {verdicts}");
    }
    assert_eq!(world.folders(&ann).unwrap(), ["INBOX", "Junk", "Sent", "Trash"]);
}

#[test]
fn beta_judges_with_opendkim_and_opendmarc() {
    let world = the_world();
    let ben = world.user("beta.test", "ben").unwrap();
    by_relay(world, &ben, "no-reply@good.test", "hello", &[]);
    let verdicts = verdicts(&arrived(world, &ben, "INBOX", 1)[0]);
    for verdict in ["mx.beta.test; dmarc=pass", "dkim=pass", "spf=pass"] {
        assert!(verdicts.contains(verdict), "{verdict} in {verdicts}");
    }
    let answer = directly(world, &ben, "boss@strict.test", "pay this", &[]);
    assert!(answer.contains("550 5.7.1 rejected by DMARC policy for strict.test"), "{answer}");
}

#[test]
fn spam_and_forgeries_land_in_alphas_junk() {
    let world = the_world();
    let abe = world.user("alpha.test", "abe").unwrap();
    let spam = "YJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X";
    by_relay(world, &abe, "no-reply@good.test", "offer", &["--body", spam]);
    directly(world, &abe, "boss@strict.test", "pay this", &[]);
    let junk = arrived(world, &abe, "Junk", 2);
    assert!(junk.iter().any(|message| message.text.contains(spam)));
    assert!(junk.iter().any(|message| verdicts(message).contains("dmarc=fail")), "{junk:?}");
    directly(world, &abe, "someone@bare.test", "hello", &[]);
    let plain = verdicts(&arrived(world, &abe, "INBOX", 1)[0]);
    assert!(plain.contains("spf=none") && plain.contains("dmarc=none") && !plain.contains("pass"), "{plain}");

    let refused = spam.replace("YJS", "XJS");
    let answer = directly(world, &abe, "no-reply@good.test", "offer", &["--body", &refused]);
    assert!(answer.contains("554 5.7.1 Gtube pattern"), "{answer}");
}

#[test]
fn gamma_files_by_name_into_folders_without_special_use() {
    let world = the_world();
    for (name, folder) in
        [("promo-1", "Promotions"), ("spam-1", "垃圾邮件"), ("deep-1", "Archive/Deep"), ("gil", "INBOX")]
    {
        let user = world.user("gamma.test", name).unwrap();
        by_relay(world, &user, "no-reply@good.test", "hello", &[]);
        arrived(world, &user, folder, 1);
    }
    let gus = world.user("gamma.test", "gus").unwrap();
    world
        .sieve(&gus, "require \"fileinto\";\nif header :contains \"Subject\" \"offer\" { fileinto \"Promotions\"; }")
        .unwrap();
    directly(world, &gus, "no-reply@good.test", "an offer", &[]);
    directly(world, &gus, "no-reply@good.test", "a receipt", &[]);
    arrived(world, &gus, "Promotions", 1);
    arrived(world, &gus, "INBOX", 1);
    assert!(world.sieve(&gus, "no such command;").is_err());
}

#[test]
fn delta_refuses_by_name() {
    let world = the_world();
    for (name, answer) in [
        ("reject-1", "550 5.1.1 <reject-1@delta.test>: Recipient address rejected: no such user here"),
        ("full-1", "452 4.2.2 <full-1@delta.test>: Recipient address rejected: mailbox full, try again later"),
        (
            "refuse-1",
            "554 5.7.1 <refuse-1@delta.test>: Recipient address rejected: message refused: it looks like spam",
        ),
    ] {
        let user = world.user("delta.test", name).unwrap();
        let heard = directly(world, &user, "no-reply@good.test", "hello", &[]);
        assert!(heard.contains(answer), "{heard}");
        assert_eq!(heard.contains("354 "), name == "refuse-1", "only this one may send its data: {heard}");
    }
    let dan = world.user("delta.test", "dan").unwrap();
    let heard = directly(world, &dan, "no-reply@good.test", "hello [refuse]", &[]);
    assert!(heard.contains("550 5.7.1 message content refused"), "{heard}");
}

#[test]
fn delta_greylists_and_takes_the_retry() {
    let world = the_world();
    let grey = world.user("delta.test", "grey-1").unwrap();
    let first = directly(world, &grey, "no-reply@good.test", "hello", &[]);
    assert!(first.contains("450 4.2.0"), "{first}");
    wait_for("the end of the greylisting", SOON, || {
        let answer = directly(world, &grey, "no-reply@good.test", "hello", &[]);
        if answer.contains("250 2.0.0 Ok: queued") { Ok(()) } else { Err(answer) }
    })
    .unwrap();
    arrived(world, &grey, "INBOX", 1);
}

#[test]
fn delta_discards_what_it_accepted() {
    let world = the_world();
    let hole = world.user("delta.test", "blackhole-1").unwrap();
    let dot = world.user("delta.test", "dot").unwrap();
    for (to, from) in [(&hole, "no-reply@good.test"), (&dot, "boss@strict.test"), (&dot, "no-reply@good.test")] {
        let answer = directly(world, to, from, from, &[]);
        assert!(answer.contains("250 2.0.0 Ok: queued"), "{answer}");
    }
    let got = arrived(world, &dot, "INBOX", 1);
    assert_eq!(fields(&got[0], "Subject"), ["no-reply@good.test"]);
    assert!(world.messages(&hole, "INBOX").unwrap().is_empty());
    assert!(world.messages(&dot, "Junk").unwrap().is_empty());
    assert!(world.queued(&hole.address).unwrap().is_empty());
}

#[test]
fn delta_delivers_twice() {
    let world = the_world();
    let twice = world.user("delta.test", "twice-1").unwrap();
    directly(world, &twice, "no-reply@good.test", "hello", &[]);
    let got = arrived(world, &twice, "INBOX", 2);
    assert_eq!(fields(&got[0], "Message-Id"), fields(&got[1], "Message-Id"));
    assert_ne!(fields(&got[0], "Delivered-To"), fields(&got[1], "Delivered-To"));
}

#[test]
fn delta_holds_until_released() {
    let world = the_world();
    let late = world.user("delta.test", "late-1").unwrap();
    directly(world, &late, "no-reply@good.test", "hello", &[]);
    assert_eq!(world.queued(&late.address).unwrap().len(), 1);
    assert!(world.messages(&late, "INBOX").unwrap().is_empty());
    assert_eq!(world.release(&late.address).unwrap(), 1);
    arrived(world, &late, "INBOX", 1);
}

#[test]
fn the_relay_wants_the_right_password() {
    let world = the_world();
    let ada = world.user("alpha.test", "ada").unwrap();
    for mechanism in ["PLAIN", "LOGIN"] {
        for (port, tls) in [(587, "--tls"), (465, "--tls-on-connect")] {
            let relay = format!("{}:{port}", world.relay_address());
            let login = ["--server", &relay, tls, "--auth", mechanism, "-au", RELAY_USER, "-ap"];
            let good = swaks(world, &ada, "a@good.test", "hello", &[&login[..], &[RELAY_PASSWORD]].concat());
            assert!(good.contains("235 2.7.0") && good.contains("250 2.0.0 Ok: queued"), "{good}");
            let bad = swaks(world, &ada, "a@good.test", "hello", &[&login[..], &["wrong"]].concat());
            assert!(bad.contains("535 5.7.8"), "{bad}");
        }
    }
    arrived(world, &ada, "INBOX", 4);
}
