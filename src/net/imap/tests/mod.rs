//! Sessions against scripted servers.

mod delete;
mod discover;
mod hostile;
mod idle;
mod login;
mod reading;
mod scripted;
mod tls;
