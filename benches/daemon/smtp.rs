//! The SMTP side: takes every message for every mailbox.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::receiver::Accounts;

/// Serves one session to its end.
pub async fn serve(stream: TcpStream, accounts: Arc<Accounts>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 mx.seed.test ESMTP\r\n").await?;
    let (mut line, mut recipient) = (String::new(), String::new());
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let word = line.split([' ', ':', '\r']).next().unwrap_or_default().to_ascii_uppercase();
        match word.as_str() {
            "EHLO" => stream.write_all(b"250-mx.seed.test\r\n250 8BITMIME\r\n").await?,
            "RCPT" => {
                recipient = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                stream.write_all(b"250 2.1.5 fine\r\n").await?;
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                let message = message(&mut stream).await?;
                let accepted_at = Instant::now();
                stream.write_all(b"250 2.0.0 queued as 1\r\n").await?;
                tokio::spawn(Arc::clone(&accounts).deliver(recipient.clone(), message.into(), accepted_at));
            }
            "QUIT" => return stream.write_all(b"221 2.0.0 bye\r\n").await,
            _ => stream.write_all(b"250 2.0.0 fine\r\n").await?,
        }
    }
}

/// A message up to its final dot, the other dots taken back (RFC 5321 §4.5.2).
async fn message(stream: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
    let (mut message, mut line) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line == b".\r\n" {
            return Ok(message);
        }
        message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}
