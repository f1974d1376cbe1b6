//! Time and chance: the only module that asks the system for either.
//!
//! Everything else takes a [`Clock`] and a [`Rng`]. A test hands in [`Clock::manual`], moves it by hand and sees a deadline of
//! thirty minutes pass in no time; time-outs of single network steps are the exception, they belong to the sockets in `net/`.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::watch;

/// Tells the time and waits for it.
#[derive(Clone, Debug)]
pub struct Clock(Kind);

#[derive(Clone, Debug)]
enum Kind {
    System,
    Manual(Arc<watch::Sender<Timestamp>>),
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Kind::System)
    }

    /// A clock that stands at `start` until [`Clock::advance`] moves it.
    #[must_use]
    pub fn manual(start: Timestamp) -> Self {
        Self(Kind::Manual(Arc::new(watch::Sender::new(start))))
    }

    /// The time of day.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system for the time")]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Kind::System => Timestamp::now(),
            Kind::Manual(at) => *at.borrow(),
        }
    }

    /// The time from `earlier` to now; zero where the clock was set back meanwhile.
    #[must_use]
    pub fn since(&self, earlier: Timestamp) -> Duration {
        elapsed(earlier, self.now())
    }

    /// Waits for `span`.
    pub async fn sleep(&self, span: Duration) {
        match &self.0 {
            Kind::System => system_sleep(span).await,
            Kind::Manual(now) => reaches(now, self.now().saturating_add(span).unwrap_or(Timestamp::MAX)).await,
        }
    }

    /// Waits until the time of day is `at` or later. Wakes at least once a minute, so that a clock that was set meanwhile is noticed.
    pub async fn sleep_until(&self, at: Timestamp) {
        match &self.0 {
            Kind::System => {
                while self.now() < at {
                    system_sleep(elapsed(self.now(), at).min(Duration::from_mins(1))).await;
                }
            }
            Kind::Manual(now) => reaches(now, at).await,
        }
    }

    /// Sets a manual clock, also back; does nothing to the system's.
    pub fn set(&self, to: Timestamp) {
        if let Kind::Manual(at) = &self.0 {
            at.send_replace(to);
        }
    }

    /// Moves a manual clock forward; does nothing to the system's.
    pub fn advance(&self, by: Duration) {
        if let Kind::Manual(at) = &self.0 {
            at.send_modify(|at| *at = at.saturating_add(by).unwrap_or(Timestamp::MAX));
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that waits on the system's clock")]
async fn system_sleep(span: Duration) {
    tokio::time::sleep(span).await;
}

async fn reaches(now: &watch::Sender<Timestamp>, at: Timestamp) {
    // An error means that the clock is gone, and with it whoever could move it.
    if now.subscribe().wait_for(|now| *now >= at).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The time from `from` to `to`; zero where `to` is earlier.
#[must_use]
pub fn elapsed(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

/// Gives random bytes.
#[derive(Clone, Debug)]
pub struct Rng(Chance);

#[derive(Clone, Debug)]
enum Chance {
    System(SystemRandom),
    Seeded(Arc<std::sync::Mutex<u64>>),
}

/// The system has no random bytes to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system's random generator failed")]
pub struct NoEntropy;

impl Rng {
    /// The system's cryptographic generator.
    #[must_use]
    pub fn system() -> Self {
        Self(Chance::System(SystemRandom::new()))
    }

    /// A repeatable sequence, for tests only: its bytes can be guessed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Chance::Seeded(Arc::new(std::sync::Mutex::new(seed))))
    }

    /// Sixteen random bytes.
    ///
    /// # Errors
    /// When the system's generator fails.
    pub fn bytes(&self) -> Result<[u8; 16], NoEntropy> {
        let mut bytes = [0; 16];
        match &self.0 {
            Chance::System(random) => random.fill(&mut bytes).map_err(|_| NoEntropy)?,
            Chance::Seeded(state) => {
                let mut state = state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                for chunk in bytes.chunks_exact_mut(8) {
                    chunk.copy_from_slice(&split_mix(&mut state).to_be_bytes());
                }
            }
        }
        Ok(bytes)
    }

    /// A factor from 0.5 up to 1.5, to spread what would otherwise happen at once. 1 where there is no chance to be had.
    #[must_use]
    pub fn jitter(&self) -> f64 {
        let [first, second, ..] = self.bytes().unwrap_or([0x80; 16]);
        0.5 + f64::from(u16::from_be_bytes([first, second])) / 65536.0
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_manual_clock_wakes_sleepers_when_moved_and_not_before() {
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move {
                clock.sleep(Duration::from_mins(30)).await;
                clock.now()
            }
        });
        tokio::task::yield_now().await;
        clock.advance(Duration::from_mins(29));
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(Duration::from_mins(1));
        assert_eq!(sleeper.await.unwrap().as_second(), 1800);
    }

    #[test]
    fn time_never_runs_backwards() {
        let later: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(elapsed(later, Timestamp::UNIX_EPOCH), Duration::ZERO);
    }

    #[test]
    fn seeded_chance_repeats_and_system_chance_does_not() {
        assert_eq!(Rng::seeded(1).bytes(), Rng::seeded(1).bytes());
        assert_ne!(Rng::seeded(1).bytes(), Rng::seeded(2).bytes());
        assert_ne!(Rng::system().bytes(), Rng::system().bytes());
        assert!((0.5..1.5).contains(&Rng::system().jitter()));
    }
}
