//! Passwords and keys: where they come from is the configuration's business, when they are read the user's.

use std::fmt;
use std::sync::Arc;

use secrecy::SecretString;
use thiserror::Error;

/// A secret that is read each time it is needed, so that a rotated file is picked up by the next connection.
pub type Secret = Arc<dyn SecretSource>;

/// Where a secret comes from. Its `Debug` tells the place, never the secret.
pub trait SecretSource: fmt::Debug + Send + Sync {
    /// Reads the secret as it is now.
    ///
    /// # Errors
    /// When the file or the environment variable cannot be read; the message names the place and holds nothing of the secret.
    fn read(&self) -> Result<SecretString, SecretError>;
}

/// A secret could not be read. Names the place and the reason.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct SecretError(pub String);
