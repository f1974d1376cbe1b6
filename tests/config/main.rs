//! The configuration from outside: good files, bad files with the exact words said about them, and the files generated from its tables.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test asserts by panicking")]

mod bad;
mod generated;
mod good;
mod robust;
mod support;
