//! A seed's way, stage by stage.

pub mod interpret;
