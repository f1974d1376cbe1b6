//! Landfall tells a sender where its mail makes landfall.

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod judge;
pub mod metrics;
pub mod model;
pub mod net;
pub mod probe;
pub mod record;
pub mod schedule;
pub mod store;
pub mod syntax;
pub mod web;
