//! How much of what the world writes is read as it was meant.

mod authentication_results;
mod rfc9989;
