//! The way of a seed, from composing it to knowing where it landed.

pub mod compose;
pub mod send;
