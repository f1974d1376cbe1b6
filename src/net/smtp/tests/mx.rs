//! Finding the recipient's servers.

use std::net::Ipv4Addr;
use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use super::server::{Do, Script, Server, say};
use super::*;

/// A name server that knows a few names, over UDP.
struct Dns {
    at: SocketAddr,
    task: JoinHandle<()>,
}

#[derive(Clone, Debug)]
enum Record {
    Mx(u16, &'static str),
    A(Ipv4Addr),
}

impl Dns {
    async fn serve(zone: Vec<(&'static str, Record)>) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let at = socket.local_addr().unwrap();
        let zone = Arc::new(zone);
        let task = tokio::spawn(async move {
            let mut query = [0; 512];
            loop {
                let (count, from) = socket.recv_from(&mut query).await.unwrap();
                let answer = answer(&query[..count], &zone);
                socket.send_to(&answer, from).await.unwrap();
            }
        });
        Self { at, task }
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// RFC 1035 §4.1, for one question. A name that is not in the zone does not exist; `broken.` gets SERVFAIL.
fn answer(query: &[u8], zone: &[(&str, Record)]) -> Vec<u8> {
    let mut labels = Vec::new();
    let mut at = 12;
    while query[at] != 0 {
        let len = usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..=at + len]).to_ascii_lowercase());
        at += len + 1;
    }
    let name = labels.join(".");
    let (kind, end) = (u16::from_be_bytes([query[at + 1], query[at + 2]]), at + 5);
    let known: Vec<_> = zone.iter().filter(|(owner, _)| *owner == name).collect();
    let records: Vec<Vec<u8>> = known.iter().filter_map(|(_, record)| rdata(record, kind)).collect();
    let code = if name.starts_with("broken.") {
        2
    } else if known.is_empty() {
        3
    } else {
        0
    };
    let mut out = query[..2].to_vec();
    out.extend_from_slice(&[0x85, 0x80 | code, 0, 1, 0, u8::try_from(records.len()).unwrap(), 0, 0, 0, 0]);
    out.extend_from_slice(&query[12..end]);
    for rdata in records {
        out.extend_from_slice(&[0xc0, 12]);
        out.extend_from_slice(&kind.to_be_bytes());
        out.extend_from_slice(&[0, 1, 0, 0, 0, 60]);
        out.extend_from_slice(&u16::try_from(rdata.len()).unwrap().to_be_bytes());
        out.extend_from_slice(&rdata);
    }
    out
}

fn rdata(record: &Record, kind: u16) -> Option<Vec<u8>> {
    match (record, kind) {
        (Record::A(address), 1) => Some(address.octets().to_vec()),
        (Record::Mx(preference, host), 15) => {
            let mut rdata = preference.to_be_bytes().to_vec();
            for label in host.split('.').filter(|label| !label.is_empty()) {
                rdata.push(u8::try_from(label.len()).unwrap());
                rdata.extend_from_slice(label.as_bytes());
            }
            rdata.push(0);
            Some(rdata)
        }
        _ => None,
    }
}

fn address(last: u8) -> Record {
    Record::A(Ipv4Addr::new(127, 0, 91, last))
}

/// Two hosts with the same port, as all MX hosts have, on addresses of their own.
async fn two(first: Script, second: Script, net: u8) -> (Server, Server) {
    let one = first.serve_on(&format!("127.0.91.{net}:0")).await;
    let other = second.serve_on(&format!("127.0.91.{}:{}", net + 1, one.port)).await;
    (one, other)
}

async fn deliver(dns: &Dns, port: u16, to: &str) -> Handoff {
    let way = RouteKind::Mx { source: None, port };
    let target = Target { way: &way, helo: Some("probe.example"), limits: PATIENT };
    let envelope = Envelope { to: to.into(), ..envelope() };
    hand_over(&dialer(Some(dns.at)), &Clock::system(), &target, &envelope, MESSAGE).await.handoff
}

#[tokio::test]
async fn the_next_host_is_tried_as_postfix_does() {
    let accepting = "accepted 250 4ABC";
    let table = [
        (Script::default(), accepting, 0),
        (Script::default().at("greeting", Do::Drop), accepting, 1),
        (Script::default().at("greeting", say("421 busy\n")), accepting, 1),
        (Script::default().at("greeting", say("554 not you\n")), accepting, 1),
        (Script::default().at("RCPT", say("450 4.2.0 greylisted\n")), accepting, 1),
        (Script::default().at("RCPT", say("550 5.1.1 nobody\n")), "refused 550 Rcpt", 0),
        (Script::default().at("message", say("554 5.7.1 spam\n")), "refused 554 Message", 0),
        (Script::default().at("message", Do::Drop), "ambiguous", 0),
    ];
    for (at, (first, expected, second_used)) in table.into_iter().enumerate() {
        let net = 10 + 2 * u8::try_from(at).unwrap();
        let (one, other) = two(first, Script::default(), net).await;
        // The order in the answer is not the order of preference.
        let zone = vec![
            ("there.example", Record::Mx(20, "mx2.there.example")),
            ("there.example", Record::Mx(10, "mx1.there.example")),
            ("mx1.there.example", address(net)),
            ("mx2.there.example", address(net + 1)),
        ];
        let dns = Dns::serve(zone).await;
        assert_eq!(brief(&deliver(&dns, one.port, "seed@there.example").await), expected);
        let connections = other.heard().iter().filter(|line| line.starts_with("connected")).count();
        assert_eq!((one.heard().len() > 1 || second_used == 1, connections), (true, second_used), "{expected}");
    }
}

#[tokio::test]
async fn a_host_that_is_down_or_unknown_is_passed_over() {
    let server = Script::default().serve_on("127.0.91.41:0").await;
    let dns = Dns::serve(vec![
        ("there.example", Record::Mx(1, "gone.there.example")),
        ("there.example", Record::Mx(2, "down.there.example")),
        ("there.example", Record::Mx(3, "mx.there.example")),
        ("down.there.example", address(40)),
        ("mx.there.example", address(41)),
    ])
    .await;
    assert_eq!(brief(&deliver(&dns, server.port, "seed@there.example").await), "accepted 250 4ABC");
}

#[tokio::test]
async fn a_host_that_answered_says_more_than_one_that_did_not() {
    let server = Script::default().at("MAIL", say("451 4.3.0 later\n")).serve_on("127.0.91.51:0").await;
    let dns = Dns::serve(vec![
        ("there.example", Record::Mx(1, "mx.there.example")),
        ("there.example", Record::Mx(2, "down.there.example")),
        ("mx.there.example", address(51)),
        ("down.there.example", address(50)),
    ])
    .await;
    assert_eq!(brief(&deliver(&dns, server.port, "seed@there.example").await), "deferred 451 Mail");
}

#[tokio::test]
async fn a_domain_without_mx_is_its_own_host_and_a_null_mx_takes_no_mail() {
    let server = Script::default().serve_on("127.0.91.61:0").await;
    let dns = Dns::serve(vec![
        ("bare.example", address(61)),
        ("null.example", Record::Mx(0, "")),
        ("null.example", address(61)),
        ("broken.example", address(61)),
    ])
    .await;
    assert_eq!(brief(&deliver(&dns, server.port, "seed@bare.example").await), "accepted 250 4ABC");
    let handoff = deliver(&dns, server.port, "seed@null.example").await;
    assert_eq!(brief(&handoff), "dns connect");
    assert_eq!(detail(&handoff), "null.example takes no mail: it has a null MX (RFC 7505)");
    for (to, reason) in [("seed@nowhere.example", "does not exist"), ("seed@broken.example", "DNS did not answer")] {
        let handoff = deliver(&dns, server.port, to).await;
        assert_eq!(brief(&handoff), "dns connect", "{to}");
        assert!(detail(&handoff).contains(reason), "{handoff:?}");
    }
    let connections = server.heard().iter().filter(|line| line.starts_with("connected")).count();
    assert_eq!(connections, 1, "nobody else was spoken to");
    assert_eq!(brief(&deliver(&dns, server.port, "seed@[127.0.91.61]").await), "accepted 250 4ABC");
}

#[tokio::test]
async fn hosts_are_spoken_to_under_tls_where_they_offer_it() {
    let ca = tls::Authority::new();
    let script = Script::default().with_tls(ca.server("whatever.example", 2001)).offering(&["STARTTLS"]);
    let server = script.serve_on("127.0.91.71:0").await;
    let dns = Dns::serve(vec![("there.example", address(71))]).await;
    assert_eq!(brief(&deliver(&dns, server.port, "seed@there.example").await), "accepted 250 4ABC");
    assert_eq!(server.heard().iter().filter(|line| line.starts_with("EHLO")).count(), 2);
}
