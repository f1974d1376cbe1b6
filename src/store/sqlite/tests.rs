//! SQLite: the contract, and what only a file can do.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::store::contract::store_contract;
use crate::store::sqlite::SqliteStore;

mod damage;
mod fault;
mod file;

/// A directory of its own for one test, removed with everything in it.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("landfall-store-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("landfall.db")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

async fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path).await.unwrap()
}

mod on_file {
    use super::*;

    async fn fresh() -> (SqliteStore, Directory) {
        let directory = Directory::new();
        (open(&directory.file()).await, directory)
    }

    store_contract!(fresh());
}

mod in_memory {
    use super::*;

    store_contract!(async { (SqliteStore::in_memory().await.unwrap(), ()) });
}
