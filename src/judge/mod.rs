//! Our own verdicts, from the bytes that were received, the address they came from, and live DNS.
//!
//! A receiver's Authentication-Results say what the receiver thought; these modules find out what it should have thought. Each evaluates one
//! standard over a [`Dns`] and never confuses "there is no record" with "nobody answered": the first is a verdict, the second `temperror`.

pub mod arc;
pub mod dkim;
pub mod dmarc;
mod dns;
pub mod hops;
pub mod spf;
#[cfg(test)]
mod zone;

pub use dns::{Dns, NoAnswer};
#[cfg(test)]
pub(crate) use zone::Zone;
