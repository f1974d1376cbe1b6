//! The world itself: its mailboxes from outside the mail flow, its faults, and that it leaves nothing behind.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use landfall::model::{Endpoint, TlsMode};
use landfall::net::dial::{DialError, Dialer};
use landfall::net::dns::{DnsError, Resolver};

use crate::the_world;
use crate::world::{Mailbox, RECEIVERS, World, wait_for};

const SOON: Duration = Duration::from_secs(20);

/// A plain IMAP session: what the server says to each command, up to the command's own end.
struct Imap(BufReader<TcpStream>);

impl Imap {
    fn connect(mailbox: &Mailbox) -> Self {
        let stream = TcpStream::connect((mailbox.imap_address, 143)).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let mut session = Self(BufReader::new(stream));
        session.line();
        session
    }

    /// Empty at the end.
    fn line(&mut self) -> String {
        let mut line = String::new();
        drop(self.0.read_line(&mut line));
        line
    }

    fn say(&mut self, command: &str) -> String {
        // A server that hung up has nothing to say, which is an answer too.
        drop(write!(self.0.get_mut(), "a {command}\r\n"));
        let mut answer = String::new();
        loop {
            let line = self.line();
            answer.push_str(&line);
            if line.is_empty() || line.starts_with("a ") {
                return answer;
            }
        }
    }

    fn login(&mut self, mailbox: &Mailbox, password: &str) -> String {
        self.say(&format!("LOGIN {} {password}", mailbox.address))
    }
}

fn endpoint(world: &World, host: &str, port: u16) -> Endpoint {
    let (host, ca_file) = (host.into(), Some(world.ca_file()));
    Endpoint { host, port, tls: TlsMode::Implicit, ca_file, server_name: None, source: None }
}

/// Waits until the world's directory is gone, and every process that had to do with it.
fn gone(directory: &Path) {
    wait_for("the world to go", SOON, || {
        if directory.exists() {
            return Err(format!("{} is there", directory.display()));
        }
        let name = directory.to_string_lossy();
        let processes = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
        let belongs = |process: &std::path::PathBuf| {
            let command = std::fs::read(process.join("cmdline")).unwrap_or_default();
            let place = std::fs::read_link(process.join("cwd")).unwrap_or_default();
            String::from_utf8_lossy(&command).contains(&*name) || place.to_string_lossy().contains(&*name)
        };
        processes.into_iter().find(belongs).map_or(Ok(()), |left| Err(format!("{} is there", left.display())))
    })
    .unwrap();
}

#[test]
fn mailboxes_can_be_filled_and_looked_into_without_a_trace() {
    let world = the_world();
    let fay = world.user("gamma.test", "fay").unwrap();
    world.fill(&fay, (0..300).map(|number| format!("Subject: old {number}\r\n\r\nfoo\r\n").into_bytes())).unwrap();
    world.append(&fay, "垃圾邮件", b"Subject: one\r\n\r\nfoo \xff\r\n").unwrap();
    world.append(&fay, "A/new one", b"Subject: two\r\n\r\nfoo\r\n").unwrap();
    let before = world.messages(&fay, "INBOX").unwrap();
    assert_eq!(before.len(), 300);
    assert!(before.iter().all(|message| message.flags == ["\\Seen"]));
    assert_eq!(before[299].text, "Subject: old 299\n\nfoo\n");
    let junk = world.messages(&fay, "垃圾邮件").unwrap();
    assert_eq!((junk.len(), junk[0].flags.len()), (1, 0));
    assert_eq!(world.folders(&fay).unwrap(), ["A", "A/new one", "INBOX", "Promotions", "垃圾邮件"]);
    let mut session = Imap::connect(&fay);
    session.login(&fay, &fay.password);
    assert!(session.say("SELECT \"&V4NXPpCuTvY-\"").contains("* 1 EXISTS"));
    assert!(session.say("SELECT A").contains("a NO"), "a parent can be selected");
    session.say("SELECT INBOX");
    assert!(session.say("STORE 7 +FLAGS (\\Flagged)").contains("a OK"));
    let after = world.messages(&fay, "INBOX").unwrap();
    let changed: Vec<_> = before.iter().zip(&after).filter(|(before, after)| before != after).collect();
    assert_eq!(changed.len(), 1);
    assert_eq!(changed[0].1.flags, ["\\Flagged", "\\Seen"]);
}

#[test]
fn a_new_password_ends_the_old_ones_sessions() {
    let world = the_world();
    let mailbox = world.user("beta.test", "pam").unwrap();
    let mut open = Imap::connect(&mailbox);
    let answer = open.login(&mailbox, &mailbox.password);
    assert!(answer.contains("a OK"), "{answer}");
    world.set_password(&mailbox, "another").unwrap();
    let answer = open.say("NOOP");
    assert!(!answer.contains("a OK"), "{answer}");
    let mut next = Imap::connect(&mailbox);
    assert!(next.login(&mailbox, &mailbox.password).contains("a NO [AUTHENTICATIONFAILED]"));
    assert!(next.login(&mailbox, "another").contains("a OK"));
    assert!(Imap::connect(&mailbox).say("CAPABILITY").contains("STARTTLS"));
}

#[tokio::test]
async fn names_lead_to_servers_and_each_fault_is_the_one_it_should_be() {
    let world = the_world();
    world.publish("extra IN A 192.0.2.7").unwrap();
    let resolver = Resolver::new(&[world.dns()], SOON).unwrap();
    assert_eq!(resolver.addresses("extra.test").await.unwrap(), ["192.0.2.7".parse::<std::net::IpAddr>().unwrap()]);
    assert!(matches!(resolver.addresses("nobody.test").await, Err(DnsError::NotFound(_))));
    for receiver in RECEIVERS {
        assert_eq!(resolver.exchanges(receiver).await.unwrap()[0].host, format!("mx.{receiver}"));
    }
    let dialer = Dialer::new(resolver);
    let fay = world.user("gamma.test", "fay").unwrap();
    for (host, port, good) in [
        ("relay.good.test", 465, true),
        (&fay.imap_host, 993, true),
        ("imap.delta.test", 993, true),
        ("untrusted.good.test", 465, false),
        ("misnamed.good.test", 465, false),
    ] {
        let to = endpoint(world, host, port);
        let stream = dialer.connect(&to, SOON).await.unwrap();
        let secured = dialer.secure(stream, &to, SOON).await;
        assert_eq!(secured.is_ok(), good, "{host}: {:?}", secured.err());
        assert!(!matches!(secured, Err(DialError::Timeout(..) | DialError::Tcp(..))), "{host}");
    }
    let dead = dialer.connect(&endpoint(world, "dead.good.test", 587), SOON).await.unwrap_err();
    assert!(matches!(dead, DialError::Tcp(_, reason) if reason.contains("refused")));
    let mut silent = TcpStream::connect(world.black_hole()).unwrap();
    silent.write_all(b"a NOOP\r\n").unwrap();
    silent.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let nothing = silent.read(&mut [0; 1]).unwrap_err();
    assert!(matches!(nothing.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{nothing}");
}

#[test]
fn a_second_world_beside_the_first_stops_and_starts_on_its_own() {
    let first = the_world();
    let second = World::start().unwrap();
    assert_ne!(first.dns(), second.dns());
    let eve = second.user("alpha.test", "eve").unwrap();
    assert!(first.messages(&eve, "INBOX").is_err(), "the first world knows the second one's user");
    let at = SocketAddr::from((eve.imap_address, 993));
    second.stop_imap("alpha.test").unwrap();
    assert!(TcpStream::connect(at).is_err());
    second.start_imap("alpha.test").unwrap();
    assert!(Imap::connect(&eve).login(&eve, &eve.password).contains("a OK"));
    let (directory, logs) = (second.directory(), second.logs());
    assert!(directory.is_dir() && logs.is_dir() && second.dkim_key_file().is_file());
    TcpStream::connect(second.dns()).unwrap();
    second.stop();
    assert!(!directory.exists());
    gone(directory.parent().unwrap());
    TcpStream::connect(first.dns()).unwrap();
}

#[test]
#[ignore = "run by `a_killed_test_leaves_nothing_behind`, which kills it"]
fn a_world_to_be_killed() {
    let world = World::start().unwrap();
    println!("\nworld {} {}", world.dns(), world.directory().parent().unwrap().display());
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn a_killed_test_leaves_nothing_behind() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "upkeep::a_world_to_be_killed", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.map_while(Result::ok).find(|line| line.starts_with("world ")).unwrap();
    let [_, dns, directory] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
    let directory = Path::new(directory);
    TcpStream::connect(dns).unwrap();
    assert!(directory.join("tls/ca.pem").exists());
    child.kill().unwrap();
    child.wait().unwrap();
    gone(directory);
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains("landfall-world"), "{mounts}");
}
