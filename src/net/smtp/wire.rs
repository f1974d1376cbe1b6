//! Lines out, replies in: a connection with its time limits.

use std::net::IpAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::either::Either;

use crate::model::Reply;
use crate::net::dial::Stream;
use crate::net::smtp::fault::Fault;
use crate::net::smtp::reply::{MAX_LINE, Partial};

/// A connection to a server.
#[derive(Debug)]
pub(super) struct Wire {
    stream: Stream,
    /// What was received and not yet read as a reply: less than a line and one packet.
    received: Vec<u8>,
}

impl Wire {
    pub fn new(stream: Stream) -> Self {
        Self { stream, received: Vec::new() }
    }

    /// Sends one command line and reads its reply.
    pub async fn command(&mut self, line: &str, limit: Duration) -> Result<Reply, Fault> {
        if !self.received.is_empty() {
            return self.spoken_out_of_turn(limit).await;
        }
        // In one write: the end of the line must not travel in a packet of its own.
        self.send(format!("{line}\r\n").as_bytes(), limit).await?;
        self.reply(limit).await
    }

    /// A server that shuts down may say 421 at any time (RFC 5321 §3.8); that then answers the command. Anything else is an answer to
    /// nothing, and would be taken for the answer to the next command.
    async fn spoken_out_of_turn(&mut self, limit: Duration) -> Result<Reply, Fault> {
        let reply = self.reply(limit).await?;
        if reply.code == 421 {
            return Ok(reply);
        }
        Err(Fault::Gibberish(format!("the server spoke out of turn: {} {}", reply.code, reply.text)))
    }

    /// Fails where the server has said more than it was asked.
    pub fn listens(&self) -> Result<(), Fault> {
        if self.received.is_empty() {
            return Ok(());
        }
        Err(Fault::Gibberish("the server spoke out of turn".into()))
    }

    /// Reads one reply.
    pub async fn reply(&mut self, limit: Duration) -> Result<Reply, Fault> {
        timeout(limit, self.read_reply()).await.unwrap_or(Err(Fault::Silent(limit)))
    }

    async fn read_reply(&mut self) -> Result<Reply, Fault> {
        let mut partial = Partial::default();
        loop {
            while let Some(line) = self.take_line() {
                if let Some(reply) = partial.push(&line).map_err(Fault::Gibberish)? {
                    return Ok(reply);
                }
            }
            if self.received.len() > MAX_LINE {
                return Err(Fault::Gibberish(format!("the server sent a line of more than {MAX_LINE} bytes")));
            }
            let mut packet = [0; 2048];
            let count = self.stream.read(&mut packet).await.map_err(|error| lost(&error))?;
            if count == 0 {
                return Err(Fault::Lost("the server closed the connection".into()));
            }
            self.received.extend(packet.iter().take(count));
        }
    }

    /// The next line without its line end: CRLF, or the bare LF that some write.
    fn take_line(&mut self) -> Option<Vec<u8>> {
        let end = self.received.iter().position(|b| *b == b'\n')?;
        let rest = self.received.split_off(end + 1);
        let mut line = std::mem::replace(&mut self.received, rest);
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Some(line)
    }

    /// Sends `bytes`.
    pub async fn send(&mut self, bytes: &[u8], limit: Duration) -> Result<(), Fault> {
        let sending = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        match timeout(limit, sending).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(lost(&error)),
            Err(_) => Err(Fault::Silent(limit)),
        }
    }

    /// Sends the few bytes of `end`. An error comes with whether some of them may have reached the server.
    pub async fn send_end(&mut self, end: &[u8], limit: Duration) -> Result<(), (Fault, bool)> {
        let mut begun = false;
        let sending = async {
            let mut rest = end;
            while !rest.is_empty() {
                let count = self.stream.write(rest).await?;
                if count == 0 {
                    return Err(std::io::ErrorKind::WriteZero.into());
                }
                begun = true;
                rest = rest.get(count..).unwrap_or_default();
            }
            self.stream.flush().await
        };
        let result = match timeout(limit, sending).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => lost(&error),
            Err(_) => Fault::Silent(limit),
        };
        Err((result, begun))
    }

    /// Says goodbye without waiting for the answer, as Postfix does (`smtp_skip_quit_response`).
    pub async fn quit(mut self, limit: Duration) {
        // The outcome is settled: whether the goodbye arrives changes nothing.
        let _ = self.send(b"QUIT\r\n", limit).await;
        let _ = timeout(limit, self.stream.shutdown()).await;
    }

    /// Our address on this connection.
    pub fn local_address(&self) -> Option<IpAddr> {
        let tcp = match &self.stream {
            Either::Left(tcp) => tcp,
            Either::Right(tls) => tls.get_ref().0,
        };
        tcp.local_addr().ok().map(|address| address.ip())
    }

    /// The bare connection, for the handshake. `None` where it is secured already.
    pub fn into_tcp(self) -> Option<TcpStream> {
        match self.stream {
            Either::Left(tcp) => Some(tcp),
            Either::Right(_) => None,
        }
    }
}

fn lost(error: &std::io::Error) -> Fault {
    Fault::Lost(format!("the connection broke: {error}"))
}
