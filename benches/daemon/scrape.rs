//! A scraper that never rests: when did `/metrics` first show that a mailbox's seeds have settled?

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// What was seen.
#[derive(Debug)]
pub struct Seen {
    /// For each mailbox the moments at which its count of settled seeds was seen to be 1, 2, 3 and so on.
    pub settled: Vec<Vec<Instant>>,
    /// How long each scrape took.
    pub scrapes: Vec<Duration>,
    /// The bytes of the last one.
    pub bytes: usize,
}

/// Scrapes on one connection, one after the other, until `seeds` seeds have settled in `mailboxes` mailboxes, `m0` and so on.
pub fn until_settled(web: SocketAddr, mailboxes: usize, seeds: usize) -> io::Result<Seen> {
    let stream = TcpStream::connect(web)?;
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let mut seen = Seen { settled: vec![Vec::new(); mailboxes], scrapes: Vec::new(), bytes: 0 };
    while seen.settled.iter().map(Vec::len).sum::<usize>() < seeds {
        let began = Instant::now();
        let body = scrape(&mut stream)?;
        let now = Instant::now();
        seen.scrapes.push(now.duration_since(began));
        seen.bytes = body.len();
        for (mailbox, count) in body.lines().filter_map(settled) {
            if let Some(moments) = seen.settled.get_mut(mailbox) {
                moments.resize(count.max(moments.len()), now);
            }
        }
    }
    Ok(seen)
}

/// The mailbox and the count of a series that counts seeds in the inbox.
fn settled(line: &str) -> Option<(usize, usize)> {
    let labels = line.strip_prefix("landfall_seeds_settled_total{")?;
    if !labels.contains("outcome=\"inbox\"") {
        return None;
    }
    let (_, mailbox) = labels.split_once("mailbox=\"m")?;
    Some((mailbox.split('"').next()?.parse().ok()?, line.rsplit(' ').next()?.parse().ok()?))
}

fn scrape(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    stream.get_mut().write_all(b"GET /metrics HTTP/1.1\r\nHost: bench\r\n\r\n")?;
    let (mut line, mut length) = (String::new(), 0);
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    String::from_utf8(body).map_err(io::Error::other)
}
