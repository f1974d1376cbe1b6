//! One daemon a database.
//!
//! The rows would bear two (each change says whether it took effect), the daemons would not: each keeps in memory what is under way,
//! so that the second would judge the first one's seeds by a state that is not theirs, and send again what it finds deferred. So
//! the daemon holds a lock (`flock(2)`) on a file beside the database for as long as it runs. The kernel releases it when
//! the process ends, however it ends; the file itself stays and means nothing.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use tracing::warn;

use crate::store::StoreError;

/// The right to be the one daemon on a database. Released when dropped.
#[derive(Debug)]
pub struct StoreLock {
    /// `None` where the file system has no locks or no room for the file: nothing is refused for want of proof.
    _file: Option<File>,
}

impl StoreLock {
    /// Takes the lock of the database in the file `path`, which need not exist yet.
    ///
    /// # Errors
    /// [`StoreError::InUse`] where another process holds it.
    pub fn take(path: &Path) -> Result<Self, StoreError> {
        // Two names of one file (a symbolic link) have one lock.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let mut name = path.clone().into_os_string();
        name.push(".lock");
        let name = PathBuf::from(name);
        let locked = OpenOptions::new().create(true).truncate(false).write(true).open(&name).map(|file| {
            let locked = file.try_lock();
            (file, locked)
        });
        match locked {
            Ok((file, Ok(()))) => Ok(Self { _file: Some(file) }),
            Ok((_, Err(TryLockError::WouldBlock))) => Err(StoreError::InUse { path }),
            Ok((_, Err(TryLockError::Error(error)))) | Err(error) => {
                warn!(file = %name.display(), %error, "could not lock the database: see that no second landfall uses it");
                Ok(Self { _file: None })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_by_whatever_name_and_the_next_when_it_is_gone() {
        let directory = std::env::temp_dir().join(format!("landfall-lock-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let (path, alias) = (directory.join("landfall.db"), directory.join("alias.db"));
        std::fs::write(&path, "").unwrap();
        std::os::unix::fs::symlink(&path, &alias).unwrap();
        let first = StoreLock::take(&path).unwrap();
        for name in [&path, &alias] {
            let error = StoreLock::take(name).unwrap_err();
            assert!(error.to_string().contains("another landfall is using"), "{error}");
        }
        drop(first);
        assert!(StoreLock::take(&alias).unwrap()._file.is_some());
        assert!(StoreLock::take(&directory.join("no/such/place.db")).unwrap()._file.is_none());
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
