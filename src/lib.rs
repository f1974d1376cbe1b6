//! Landfall tells a sender where its mail makes landfall.

pub mod cli;
pub mod clock;
pub mod config;
pub mod model;
pub mod net;
pub mod store;
