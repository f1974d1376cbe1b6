//! A test account as its receiver keeps it: folders, what is in them, and how its IMAP server misbehaves.
#![expect(clippy::disallowed_methods, reason = "a server outside of the program runs on the real clock")]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

/// A message in a folder.
#[derive(Clone, Debug)]
pub struct Message {
    pub uid: u32,
    pub bytes: Arc<[u8]>,
    pub arrived_at: Timestamp,
}

/// A folder.
#[derive(Clone, Debug)]
pub struct Folder {
    pub name: &'static str,
    pub attributes: &'static str,
    pub uid_next: u32,
    pub messages: Vec<Message>,
}

/// What LIST tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listing {
    #[default]
    Everything,
    Nothing,
    NoInbox,
    InboxNoselect,
}

/// What IDLE does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Idling {
    #[default]
    Waits,
    /// `+`, and at once the tagged OK.
    EndsAtOnce,
    /// `* n EXISTS` a thousand times a second, each time with another n.
    Floods,
}

/// How the server departs from the ordinary.
#[derive(Clone, Debug, Default)]
pub struct Quirks {
    pub listing: Listing,
    pub idling: Idling,
    /// Folders that cannot be opened, with the answer.
    pub refused: Vec<(&'static str, &'static str)>,
    pub refuses_store: bool,
    pub tells_no_uid_next: bool,
    /// The tab that Gmail shows every message of the inbox under.
    pub gmail_tab: Option<&'static str>,
    /// How slow its clock is.
    pub clock_behind: Duration,
}

/// What clients did.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    pub logins: usize,
    pub lists: usize,
    pub idles: usize,
    pub fetches: usize,
    pub stores: usize,
    /// The folders opened, in order.
    pub opened: Vec<String>,
}

/// Something that happens in the account just before it answers EXAMINE for `folder`, once LIST was asked `after_lists` times.
struct Hook {
    folder: &'static str,
    after_lists: usize,
    action: Box<dyn FnOnce(&mut Inner) + Send>,
}

/// The account's state.
pub struct Inner {
    pub folders: Vec<Folder>,
    pub quirks: Quirks,
    pub counts: Counts,
    /// Where delivered messages go.
    pub deliver_to: Vec<&'static str>,
    /// Messages accepted and not yet delivered.
    pub held: Vec<Vec<u8>>,
    hooks: Vec<Hook>,
}

impl Inner {
    pub fn folder(&mut self, name: &str) -> Option<&mut Folder> {
        self.folders.iter_mut().find(|folder| folder.name == name)
    }

    /// Puts a message into the folders it goes to.
    pub fn deliver(&mut self, bytes: &[u8]) {
        let arrived_at = Timestamp::now() - self.quirks.clock_behind;
        for name in self.deliver_to.clone() {
            let folder = self.folder(name).expect("messages are delivered to folders that exist");
            let uid = folder.uid_next;
            folder.uid_next += 1;
            folder.messages.push(Message { uid, bytes: bytes.into(), arrived_at });
        }
    }

    /// Delivers what was held back.
    pub fn release(&mut self) {
        for message in std::mem::take(&mut self.held) {
            self.deliver(&message);
        }
    }

    /// Runs the hooks that this EXAMINE sets off.
    pub fn opening(&mut self, folder: &str) {
        self.counts.opened.push(folder.to_owned());
        let lists = self.counts.lists;
        let due = |hook: &mut Hook| hook.folder == folder && lists >= hook.after_lists;
        let hooks: Vec<Hook> = self.hooks.extract_if(.., due).collect();
        for hook in hooks {
            (hook.action)(self);
        }
    }
}

/// The account, shared by the servers and the test.
#[derive(Clone)]
pub struct Account(Arc<Mutex<Inner>>);

impl Account {
    /// INBOX, Junk, an archive and the view of everything.
    pub fn new() -> Self {
        Self::of(&[
            ("INBOX", "\\HasNoChildren"),
            ("Junk", "\\HasNoChildren \\Junk"),
            ("Archive", "\\HasNoChildren \\Archive"),
            ("All", "\\HasNoChildren \\All"),
        ])
    }

    /// The folders as Gmail lists them.
    pub fn gmail() -> Self {
        Self::of(&[
            ("INBOX", "\\HasNoChildren"),
            ("[Gmail]", "\\HasChildren \\Noselect"),
            ("[Gmail]/All Mail", "\\All \\HasNoChildren"),
            ("[Gmail]/Drafts", "\\Drafts \\HasNoChildren"),
            ("[Gmail]/Important", "\\HasNoChildren \\Important"),
            ("[Gmail]/Sent Mail", "\\HasNoChildren \\Sent"),
            ("[Gmail]/Spam", "\\HasNoChildren \\Junk"),
            ("[Gmail]/Starred", "\\Flagged \\HasNoChildren"),
            ("[Gmail]/Trash", "\\HasNoChildren \\Trash"),
        ])
    }

    fn of(folders: &[(&'static str, &'static str)]) -> Self {
        let folder = |&(name, attributes)| Folder { name, attributes, uid_next: 1, messages: Vec::new() };
        let inner = Inner {
            folders: folders.iter().map(folder).collect(),
            quirks: Quirks::default(),
            counts: Counts::default(),
            deliver_to: vec!["INBOX"],
            held: Vec::new(),
            hooks: Vec::new(),
        };
        Self(Arc::new(Mutex::new(inner)))
    }

    /// The same with quirks.
    pub fn with(self, change: impl FnOnce(&mut Quirks)) -> Self {
        change(&mut self.lock().quirks);
        self
    }

    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn counts(&self) -> Counts {
        self.lock().counts.clone()
    }

    /// See [`Hook`]. A session asks for the list at its beginning, and at the beginning of each sweep.
    pub fn when_examined(
        &self,
        folder: &'static str,
        after_lists: usize,
        action: impl FnOnce(&mut Inner) + Send + 'static,
    ) {
        self.lock().hooks.push(Hook { folder, after_lists, action: Box::new(action) });
    }

    /// How many messages a folder holds.
    pub fn len(&self, folder: &str) -> usize {
        self.lock().folder(folder).unwrap().messages.len()
    }
}
