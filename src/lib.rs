//! Landfall tells a sender where its mail makes landfall.

pub mod clock;
pub mod model;
pub mod net;
pub mod probe;
pub mod store;
pub mod syntax;
