//! From what was observed to what it means.

pub mod replies;
