//! Handing a composed seed to its route.

use crate::clock::Clock;
use crate::model::{Attempt, Envelope, Route};
use crate::net::dial::Dialer;
use crate::net::smtp::{Target, hand_over};

/// Hands `message` to `route` and says what became of it. A route that does not work is a result, not an error.
pub async fn send(dialer: &Dialer, clock: &Clock, route: &Route, envelope: &Envelope, message: &[u8]) -> Attempt {
    hand_over(dialer, clock, &Target::from(route), envelope, message).await
}
