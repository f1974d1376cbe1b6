//! Landfall against real mail servers. One world for all tests of this binary; each test has users of its own in it.
#![cfg(test)]

#[path = "../world/mod.rs"]
mod world;

mod bounces;
mod judge;
mod landfall;
mod landing;
mod lifecycle;
mod restarts;
mod smoke;
mod storage;
mod upkeep;

use std::sync::OnceLock;

/// The world, started by the first test that asks.
fn the_world() -> &'static world::World {
    static WORLD: OnceLock<world::World> = OnceLock::new();
    WORLD.get_or_init(|| world::World::start().unwrap_or_else(|problem| panic!("{problem}")))
}
