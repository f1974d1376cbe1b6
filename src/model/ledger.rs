//! What is said to and by the single writer.

use std::sync::Arc;

use crate::model::{Attempt, Lane, Pending, SeedId, Settled, Stage, Token};

/// What is to become of a seed after an attempt to hand it off.
#[derive(Clone, Debug)]
pub enum Next {
    /// It goes on: tried again, or awaited.
    Stage(Stage),
    /// The attempt was the end of it.
    End(Arc<Settled>),
}

/// One attempt that is over.
#[derive(Clone, Debug)]
pub struct Attempted {
    /// Whose.
    pub token: Token,
    /// The attempt.
    pub attempt: Attempt,
    /// What follows from it.
    pub next: Next,
}

/// What a sighting was to the writer.
#[derive(Clone, Debug)]
pub enum Seen {
    /// It ends this seed, which is now to be settled.
    Settles(Arc<Pending>),
    /// Its seed is still being handed off; the sighting is kept and given back with the end of the attempt.
    Held,
    /// It came after its seed had been called missing, unsent or unobserved.
    Late,
    /// It is a second delivery.
    Duplicate,
    /// This copy was recorded before.
    Known,
    /// The token is not ours, or the seed was sent to another mailbox.
    Foreign,
}

/// What a bounce was to the writer.
#[derive(Clone, Debug)]
pub enum Returned {
    /// It ends this seed, which is now to be settled.
    Settles(Arc<Pending>),
    /// Its seed is still being handed off: to be said again when that is over.
    Early,
    /// It came after its seed had ended; it is kept with the seed's result, whose outcome stays.
    Late(Lane),
    /// The seed's bounce was recorded before, or a copy of the seed was found.
    Known,
    /// The token is not ours.
    Foreign,
}

/// A copy that lies in a mailbox and has been kept there long enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Whose.
    pub id: SeedId,
    /// Its token, to be sure of it before it is deleted.
    pub token: Token,
    /// Which copy.
    pub digest: [u8; 32],
    /// The folder's name for people.
    pub folder: String,
    /// The folder's UIDVALIDITY.
    pub uid_validity: u32,
    /// Its UID.
    pub uid: u32,
}
