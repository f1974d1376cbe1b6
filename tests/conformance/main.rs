//! How much of what the world writes is read as it was meant.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test asserts by panicking"
)]

mod authentication_results;
mod dns;
mod rfc9989;
mod spf;
mod spf_command;
