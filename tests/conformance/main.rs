//! How much of what the world writes is read as it was meant.

mod authentication_results;
mod dns;
mod spf;
mod spf_command;
mod rfc9989;
