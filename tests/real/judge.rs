//! Our own verdicts on what real servers signed, over real DNS.

use std::time::Duration;

use jiff::Timestamp;
use landfall::clock::Clock;
use landfall::judge::arc::{self, ArcReason, ArcResult};
use landfall::judge::dkim::{self, DkimReason, DkimResult, DkimVerdict};
use landfall::net::dns::Resolver;
use tokio::runtime::Runtime;

use crate::landfall::Setup;
use crate::the_world;

/// The copy that a user of that name received, by the relay, which signs with opendkim.
fn received(receiver: &str, user: &str) -> Vec<u8> {
    let world = the_world();
    let mailbox = world.user(receiver, user).unwrap();
    let (status, seed) = Setup::new(world, user)
        .mailbox("m", &mailbox, "")
        .probe("p", "{ routes: [relay], mailboxes: [m], every: 1h, deadline: 30s }")
        .probe_one();
    assert_eq!(status, 0, "{seed:#}");
    let messages = world.messages(&mailbox, "INBOX").unwrap();
    assert_eq!(messages.len(), 1);
    messages[0].text.clone().into_bytes()
}

fn now() -> Timestamp {
    Clock::system().now()
}

fn by_dns() -> Resolver {
    Resolver::new(&[the_world().dns()], Duration::from_secs(5)).unwrap()
}

fn verdict(message: &[u8]) -> DkimVerdict {
    let runtime = Runtime::new().unwrap();
    let mut verdicts = runtime.block_on(async { dkim::verify(&by_dns(), message, now()).await });
    assert_eq!(verdicts.len(), 1);
    verdicts.remove(0)
}

fn changed(message: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(message.to_vec()).unwrap();
    assert!(text.contains(from), "{text}");
    text.replacen(from, to, 1).into_bytes()
}

#[test]
fn what_opendkim_signed_verifies_and_a_change_is_named() {
    let message = received("beta.test", "judged1");
    let good = verdict(&message);
    assert_eq!((good.result, &good.reason), (DkimResult::Pass, &None), "{good:?}");
    assert_eq!((good.domain.as_deref(), good.selector.as_deref()), (Some("good.test"), Some("relay")));
    let body = verdict(&[message.as_slice(), b"-- \r\nscanned by nobody\r\n"].concat());
    assert!(matches!(&body.reason, Some(DkimReason::BodyHashMismatch(m)) if m.header_holds), "{body:?}");
    let header = verdict(&changed(&message, "\nSubject: ", "\nSubject: Re: "));
    assert_eq!(header.reason, Some(DkimReason::SignatureMismatch));
    let nobody = verdict(&changed(&message, "s=relay;", "s=nobody;"));
    assert_eq!((nobody.result, nobody.reason), (DkimResult::PermError, Some(DkimReason::NoKey)));
}

#[test]
fn what_rspamd_sealed_verifies_and_a_change_is_named() {
    let message = received("gamma.test", "judged2");
    let runtime = Runtime::new().unwrap();
    let judged = |message: &[u8]| runtime.block_on(async { arc::verify(&by_dns(), message, now()).await });
    let good = judged(&message);
    assert_eq!((good.result, &good.reason, good.oldest_pass), (ArcResult::Pass, &None, Some(0)), "{good:?}");
    assert_eq!(good.instances.len(), 1);
    assert_eq!(good.instances[0].domain, "gamma.test");
    assert!(good.instances[0].results.results.iter().any(|found| found.method == "dkim" && found.result == "pass"));
    let body = judged(&[message.as_slice(), b"more\r\n"].concat());
    assert!(matches!(
        body.reason,
        Some(ArcReason::MessageSignature { instance: 1, reason: DkimReason::BodyHashMismatch(_) })
    ));
    let statement =
        judged(&changed(&message, "ARC-Authentication-Results: i=1;", "ARC-Authentication-Results: i=1; x;"));
    assert_eq!(statement.reason, Some(ArcReason::Seal { instance: 1, reason: DkimReason::SignatureMismatch }));
}
