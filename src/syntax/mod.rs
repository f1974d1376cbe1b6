//! Text to value, one module per standard: pure functions over bytes that anybody may have written.
//!
//! Nothing here does I/O, asks for the time or fails on odd input: a parser says what can be known of its input and leaves out the
//! rest. Each one is linear in the length of its input, keeps no more than a bounded multiple of it, does not recurse, and has a fuzz
//! target (`docs/fuzzing.md`).

pub mod arc;
pub mod authentication_results;
pub mod canonical;
pub mod dkim_key;
pub mod dkim_signature;
pub mod dmarc;
pub mod dsn;
mod encoded_word;
pub mod header;
pub mod mailbox;
pub mod received;
pub mod spam_verdict;
pub mod spf;
pub mod tag_list;
pub mod utf7;
