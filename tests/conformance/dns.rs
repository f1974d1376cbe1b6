//! A name server on the loopback, over UDP and TCP, that serves a zone given as data.
//!
//! It speaks the real protocol to the real resolver: names that do not exist are NXDOMAIN, names without the record asked for an empty
//! answer, answers of more than 512 bytes come truncated over UDP, and questions about silent names get no answer at all.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::thread;

use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME, MX, PTR, TXT};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use serde::Deserialize;
use serde_json::Value;

/// Names and what stands there.
pub type Zone = BTreeMap<String, Entry>;

/// What stands at a name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// `[type, value]`; `["MX", preference, host]`; a TXT value is a string or a list of strings, its characters U+0000 to U+00FF
    /// standing for bytes. The type `SPF` (99) is obsolete and not served as anything else.
    pub records: Vec<Vec<Value>>,
    /// Questions for types that have no record here are never answered.
    #[serde(default)]
    pub silent: bool,
}

/// Serves `zone` until the process ends, and says where.
pub fn serve(zone: &Zone) -> SocketAddr {
    let server = Arc::new(Server::new(zone));
    let (udp, tcp) = std::iter::repeat_with(bind).take(50).flatten().next().expect("a port free for UDP and TCP");
    let address = udp.local_addr().unwrap();
    let over_udp = Arc::clone(&server);
    thread::spawn(move || over_udp.udp(&udp));
    thread::spawn(move || {
        for stream in tcp.incoming().flatten() {
            let server = Arc::clone(&server);
            thread::spawn(move || server.tcp(stream));
        }
    });
    address
}

fn bind() -> Option<(UdpSocket, TcpListener)> {
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let tcp = TcpListener::bind(udp.local_addr().unwrap()).ok()?;
    Some((udp, tcp))
}

struct Server {
    /// By the name in lower case.
    names: BTreeMap<Vec<u8>, (Vec<RData>, bool)>,
}

impl Server {
    fn new(zone: &Zone) -> Self {
        let entries = zone.iter().map(|(name, entry)| {
            let records = entry.records.iter().filter(|record| record[0] != "SPF").map(|record| data(record)).collect();
            (key(&labels(name)), (records, entry.silent))
        });
        Self { names: entries.collect() }
    }

    fn udp(&self, socket: &UdpSocket) {
        let mut buffer = [0; 4096];
        while let Ok((length, client)) = socket.recv_from(&mut buffer) {
            let Some(reply) = self.reply(&buffer[..length]) else { continue };
            let mut bytes = reply.to_vec().unwrap();
            if bytes.len() > 512 {
                bytes = reply.truncate().to_vec().unwrap();
            }
            drop(socket.send_to(&bytes, client));
        }
    }

    fn tcp(&self, mut stream: TcpStream) {
        let mut length = [0; 2];
        while stream.read_exact(&mut length).is_ok() {
            let mut question = vec![0; u16::from_be_bytes(length).into()];
            if stream.read_exact(&mut question).is_err() {
                return;
            }
            let Some(reply) = self.reply(&question) else { continue };
            let bytes = reply.to_vec().unwrap();
            let framed = [u16::try_from(bytes.len()).unwrap().to_be_bytes().as_slice(), &bytes].concat();
            if stream.write_all(&framed).is_err() {
                return;
            }
        }
    }

    fn reply(&self, question: &[u8]) -> Option<Message> {
        let asked = Message::from_vec(question).ok()?;
        let query = asked.queries.first()?.clone();
        let mut reply = Message::response(asked.metadata.id, OpCode::Query);
        reply.metadata.recursion_desired = true;
        reply.metadata.recursion_available = true;
        let mut name = query.name().clone();
        // As a recursive server does: aliases first, at most so many (a loop has no end).
        for _ in 0..8 {
            let known = self.names.get(&key(&name));
            let (records, silent) = known.map_or((&[][..], false), |(records, silent)| (records, *silent));
            let of = |kind| records.iter().filter(move |data| data.record_type() == kind).cloned();
            let found: Vec<RData> = of(query.query_type()).collect();
            let alias = of(RecordType::CNAME).next();
            if found.is_empty() && alias.is_none() && silent {
                return None;
            }
            reply.add_answers(found.iter().cloned().map(|data| Record::from_rdata(name.clone(), 60, data)));
            match alias {
                Some(RData::CNAME(target)) if found.is_empty() => {
                    reply.add_answer(Record::from_rdata(name, 60, RData::CNAME(target.clone())));
                    name = target.0;
                }
                _ => break,
            }
        }
        if !self.exists(&name) {
            reply.metadata.response_code = ResponseCode::NXDomain;
        }
        reply.add_query(query);
        Some(reply)
    }

    /// A name exists also where something below it does.
    fn exists(&self, name: &Name) -> bool {
        let name = key(name);
        let below = [b".".as_slice(), &name].concat();
        self.names.keys().any(|known| *known == name || known.ends_with(&below))
    }
}

fn labels(name: &str) -> Name {
    let labels = name.trim_end_matches('.').split('.').filter(|label| !label.is_empty());
    Name::from_labels(labels.map(str::as_bytes)).unwrap()
}

fn key(name: &Name) -> Vec<u8> {
    name.iter().collect::<Vec<_>>().join(b".".as_slice()).to_ascii_lowercase()
}

fn data(record: &[Value]) -> RData {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    match record[0].as_str().unwrap() {
        "A" => RData::A(A(text(&record[1]).parse().unwrap())),
        "AAAA" => RData::AAAA(AAAA(text(&record[1]).parse().unwrap())),
        "CNAME" => RData::CNAME(CNAME(labels(&text(&record[1])))),
        "PTR" => RData::PTR(PTR(labels(&text(&record[1])))),
        "MX" => RData::MX(MX::new(u16::try_from(record[1].as_u64().unwrap()).unwrap(), labels(&text(&record[2])))),
        "TXT" => {
            let strings = match &record[1] {
                Value::Array(strings) => strings.iter().map(text).collect(),
                one => vec![text(one)],
            };
            let strings: Vec<Vec<u8>> = strings.iter().flat_map(|string| character_strings(string)).collect();
            RData::TXT(TXT::from_bytes(strings.iter().map(Vec::as_slice).collect()))
        }
        other => panic!("no such record type here: {other}"),
    }
}

/// A text's bytes in strings of at most 255.
fn character_strings(text: &str) -> Vec<Vec<u8>> {
    let bytes: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    if bytes.is_empty() { vec![bytes] } else { bytes.chunks(255).map(<[u8]>::to_vec).collect() }
}
