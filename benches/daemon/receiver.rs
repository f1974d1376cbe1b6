//! A receiver of mail, as small as can be: what its SMTP side takes, its IMAP side announces.
//!
//! It is scripted and not real so that its own time does not count: Dovecot, for one, waits half a second before it tells a client
//! in IDLE. A mailbox is there as soon as somebody logs in to it or writes to it.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::{imap, smtp};

/// What is known of one message.
#[derive(Clone, Debug)]
pub struct Message {
    pub bytes: Arc<[u8]>,
    /// When the SMTP side said 250.
    pub accepted_at: Instant,
    /// When EXISTS was sent to a client in IDLE; `None` where the client had found the message before.
    pub announced_at: Option<Instant>,
    /// When the client had the whole message.
    pub handed_out_at: Option<Instant>,
}

/// A mailbox: only its inbox ever holds anything.
#[derive(Debug)]
pub struct Account {
    pub messages: Mutex<Vec<Message>>,
    /// How many messages there are; changes wake whoever is in IDLE.
    pub count: watch::Sender<usize>,
}

impl Account {
    /// Notes something about message `number`, which starts at 1 as in IMAP.
    pub fn note(&self, number: usize, note: impl FnOnce(&mut Message)) {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(message) = number.checked_sub(1).and_then(|index| messages.get_mut(index)) {
            note(message);
        }
    }

    /// What message `number` says.
    pub fn bytes(&self, number: usize) -> Option<Arc<[u8]>> {
        let messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        messages.get(number.checked_sub(1)?).map(|message| Arc::clone(&message.bytes))
    }
}

/// Every mailbox by its address.
#[derive(Debug)]
pub struct Accounts {
    by_address: Mutex<BTreeMap<String, Arc<Account>>>,
    /// From a message's acceptance to its arrival in the mailbox.
    transit: Duration,
}

impl Accounts {
    /// The mailbox `address`.
    pub fn get(&self, address: &str) -> Arc<Account> {
        let mut accounts = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Account { messages: Mutex::default(), count: watch::Sender::new(0) });
        Arc::clone(accounts.entry(address.to_owned()).or_insert_with(new))
    }

    /// Puts a message that was just accepted into the mailbox `address`, when it has got there.
    pub async fn deliver(self: Arc<Self>, address: String, bytes: Arc<[u8]>, accepted_at: Instant) {
        if !self.transit.is_zero() {
            tokio::time::sleep(self.transit).await;
        }
        let account = self.get(&address);
        let mut messages = account.messages.lock().unwrap_or_else(PoisonError::into_inner);
        messages.push(Message { bytes, accepted_at, announced_at: None, handed_out_at: None });
        account.count.send_replace(messages.len());
    }
}

/// A running receiver. It runs on one thread of its own and ends with the process.
#[derive(Debug)]
pub struct Receiver {
    pub smtp: SocketAddr,
    pub imap: SocketAddr,
    pub accounts: Arc<Accounts>,
    _runtime: Runtime,
}

impl Receiver {
    /// Starts one on free ports of 127.0.0.1. With an acceptor, IMAP is in TLS from the first byte.
    pub fn start(transit: Duration, tls: Option<TlsAcceptor>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let accounts = Arc::new(Accounts { by_address: Mutex::default(), transit });
        let (smtp, imap) = runtime.block_on(async {
            io::Result::Ok((TcpListener::bind("127.0.0.1:0").await?, TcpListener::bind("127.0.0.1:0").await?))
        })?;
        let (smtp_at, imap_at) = (smtp.local_addr()?, imap.local_addr()?);
        let for_smtp = Arc::clone(&accounts);
        runtime.spawn(accept(smtp, move |stream| smtp::serve(stream, Arc::clone(&for_smtp))));
        let for_imap = Arc::clone(&accounts);
        runtime.spawn(accept(imap, move |stream| imap::serve(stream, tls.clone(), Arc::clone(&for_imap))));
        Ok(Self { smtp: smtp_at, imap: imap_at, accounts, _runtime: runtime })
    }
}

/// Serves every connection until the process ends. A client that goes away is no error.
async fn accept<S, F>(listener: TcpListener, serve: S)
where
    S: Fn(TcpStream) -> F,
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    while let Ok((stream, _)) = listener.accept().await {
        // An error only means that the socket is gone already, which its session will find out.
        drop(stream.set_nodelay(true));
        tokio::spawn(serve(stream));
    }
}
