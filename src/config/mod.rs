//! The configuration: YAML in, checked values out.
//!
//! The text becomes a tree in which every key and value knows its line and column (`tree`). Each section has a table of its keys
//! with their form, default and meaning (`key`), and a reader that walks the tree by that table (`fields`, `read`, and one file a
//! section). A reader reports what is wrong and goes on, so that all errors of a file are told at once, each with its place, what
//! was expected, and the nearest valid word. From the same tables the JSON Schema and the reference are generated, so that no
//! document can say otherwise than the program does.
//!
//! Secrets are named, not held: a password is a file or an environment variable that is read when it is needed ([`FileSecret`],
//! [`EnvSecret`]). No error and no log line quotes one.

mod address;
mod catalog;
mod duration;
mod endpoint;
mod fields;
mod identities;
mod key;
mod later;
mod load;
mod mailboxes;
mod nearest;
mod probes;
mod problem;
mod read;
mod reference;
mod routes;
mod schema;
mod secrets;
mod store;
mod tree;

pub use duration::{format_duration, parse as parse_duration};
pub use load::{Config, Loaded, load, parse};
pub use problem::{ConfigErrors, Problem};
pub use reference::markdown;
pub use schema::json_schema;
pub use secrets::{EnvSecret, FileSecret, InlineSecret};
pub use store::{Retention, StoreLocation};

#[cfg(test)]
mod tests;
