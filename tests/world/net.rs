//! A world's own net: one 127.x.y.0/24 of the loopback network, reserved by listening on an address in it.

use std::fmt;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process;

use crate::world::{Problem, Result};

/// 127.x.y.0/24.
#[derive(Clone, Copy, Debug)]
pub(in crate::world) struct Net(u8, u8);

impl Net {
    /// Its host number `host`.
    pub(in crate::world) fn address(self, host: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, self.0, self.1, host)
    }

    /// Where the world keeps its files. Short, because Dovecot's sockets below it may have 107 bytes at most; and of this process, so that
    /// it is never mistaken for an earlier world's on the same net.
    pub(in crate::world) fn state_directory(self) -> PathBuf {
        PathBuf::from(format!("/tmp/landfall-world-{}-{}-{}", self.0, self.1, process::id()))
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "127.{}.{}", self.0, self.1)
    }
}

/// Takes the first free net. The listener is the claim: whoever holds it, this process or the world's keeper, has the net.
pub(in crate::world) fn claim() -> Result<(Net, TcpListener)> {
    let nets = (77..=99).flat_map(|x| (0..=254).map(move |y| Net(x, y)));
    let mut last = String::new();
    for net in nets {
        match TcpListener::bind((net.address(66), 993)) {
            Ok(listener) => return Ok((net, listener)),
            Err(error) => last = error.to_string(),
        }
    }
    Err(Problem(format!("no loopback net is free: {last}")))
}
