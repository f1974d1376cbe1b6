//! Where passwords and keys come from: a file, an environment variable, or (with a warning) the configuration itself.
//!
//! A file is read each time its secret is needed. It is small, that is seldom, and so a rotated secret is picked up by the next
//! connection whatever the file system thinks of modification times (Kubernetes swaps a symbolic link).

use std::fmt;
use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};

use crate::config::read;
use crate::model::{SecretError, SecretSource};

/// Far more than any password, token or private key.
const MAX_BYTES: u64 = 64 * 1024;

/// A secret in a file. Line breaks at its end do not belong to it.
#[derive(Clone, Debug)]
pub struct FileSecret {
    /// The file.
    pub path: PathBuf,
}

impl FileSecret {
    /// Reads the secret; the reason alone where that fails.
    pub(super) fn try_read(&self) -> Result<SecretString, String> {
        let text = SecretString::from(read::read_text(&self.path, MAX_BYTES)?);
        match text.expose_secret().trim_end_matches(['\r', '\n']) {
            "" => Err("it is empty".to_owned()),
            secret => Ok(SecretString::from(secret)),
        }
    }
}

impl SecretSource for FileSecret {
    fn read(&self) -> Result<SecretString, SecretError> {
        self.try_read().map_err(|reason| SecretError(format!("could not read {}: {reason}", self.path.display())))
    }
}

/// A secret in an environment variable.
#[derive(Clone, Debug)]
pub struct EnvSecret {
    /// The variable's name.
    pub variable: String,
}

impl SecretSource for EnvSecret {
    fn read(&self) -> Result<SecretString, SecretError> {
        let fail = |reason: &str| SecretError(format!("the environment variable {} {reason}", self.variable));
        match std::env::var(&self.variable) {
            Ok(text) if text.is_empty() => Err(fail("is empty")),
            Ok(text) => Ok(SecretString::from(text)),
            Err(std::env::VarError::NotPresent) => Err(fail("is not set")),
            Err(std::env::VarError::NotUnicode(_)) => Err(fail("is not UTF-8")),
        }
    }
}

/// A secret that stands in the configuration itself, or in a test.
#[derive(Clone)]
pub struct InlineSecret(SecretString);

impl InlineSecret {
    /// Holds `secret`.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        Self(SecretString::from(secret))
    }
}

impl fmt::Debug for InlineSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InlineSecret")
    }
}

impl SecretSource for InlineSecret {
    fn read(&self) -> Result<SecretString, SecretError> {
        Ok(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("landfall-secrets-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        dir.join(name)
    }

    #[test]
    fn a_file_is_read_again_and_loses_its_line_end() {
        let path = scratch("rotated");
        let secret = FileSecret { path: path.clone() };
        std::fs::write(&path, "first\r\n").unwrap();
        assert_eq!(secret.read().unwrap().expose_secret(), "first");
        std::fs::write(&path, "other ").unwrap();
        assert_eq!(secret.read().unwrap().expose_secret(), "other ");
        std::fs::remove_file(&path).unwrap();
        let error = secret.read().unwrap_err().to_string();
        assert!(error.starts_with("could not read ") && error.ends_with("rotated: no such file"), "{error}");
    }

    #[test]
    fn empty_large_and_binary_files_are_refused() {
        for (name, bytes, reason) in [
            ("empty", b"\n".to_vec(), "it is empty"),
            ("large", vec![b'a'; 65 * 1024], "it is larger than 64 KiB"),
            ("binary", b"ab\xff".to_vec(), "it is not UTF-8 (byte 2)"),
        ] {
            let path = scratch(name);
            std::fs::write(&path, bytes).unwrap();
            let error = FileSecret { path }.read().unwrap_err().to_string();
            assert!(error.ends_with(reason), "{error}");
        }
        assert!(FileSecret { path: std::env::temp_dir() }.read().unwrap_err().to_string().ends_with("it is no file"));
    }

    #[test]
    fn a_variable_is_read_or_missed() {
        let set = EnvSecret { variable: "CARGO_MANIFEST_DIR".to_owned() };
        assert_eq!(set.read().unwrap().expose_secret(), env!("CARGO_MANIFEST_DIR"));
        let unset = EnvSecret { variable: "LANDFALL_TEST_NOT_SET".to_owned() };
        assert_eq!(unset.read().unwrap_err().to_string(), "the environment variable LANDFALL_TEST_NOT_SET is not set");
    }

    #[test]
    fn debug_never_shows_the_secret() {
        assert!(!format!("{:?}", InlineSecret::new("hunter2")).contains("hunter2"));
        let path = scratch("debug");
        std::fs::write(&path, "hunter2").unwrap();
        let secret = FileSecret { path };
        assert!(!format!("{:?} {:?}", secret, secret.read().unwrap()).contains("hunter2"));
    }
}
