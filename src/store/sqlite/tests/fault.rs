//! Disks that are full, files that became read-only, and how the store goes on afterwards.
//!
//! As root the faults are real (a small tmpfs, a read-only mount); otherwise they are what an ordinary user can make of them.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::Arc;

use super::*;
use crate::model::Sighting;
use crate::store::contract::{at, one, seed, sighting};
use crate::store::{Change, CopyRole, Store as _};

/// A mount that is undone when the test ends.
struct Mount(PathBuf);

impl Mount {
    /// `None` where mounting is not allowed.
    fn new(path: &Path, arguments: &[&str]) -> Option<Self> {
        let done = Command::new("mount").args(arguments).arg(path).output().ok()?;
        done.status.success().then(|| Self(path.to_owned()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).output().ok();
    }
}

/// Sets the mode of every file in `directory`.
fn set_mode(directory: &Path, mode: u32) {
    for file in std::fs::read_dir(directory).unwrap() {
        std::fs::set_permissions(file.unwrap().path(), std::fs::Permissions::from_mode(mode)).unwrap();
    }
}

/// A seed with a copy of `size` bytes.
fn large(slot: i64, size: usize) -> [Change; 2] {
    let seed = seed("a", slot);
    let message = [&b"Subject: x\r\n\r\n"[..], &vec![b'x'; size]].concat().into();
    let sighting = Arc::new(Sighting { message, ..(*sighting("a", "x", at(5))).clone() });
    [Change::Plan(Arc::clone(&seed)), Change::Copy { id: seed.id, sighting, role: CopyRole::First }]
}

#[tokio::test]
async fn a_full_disk_stops_writing_only_and_only_while_it_is_full() {
    let directory = Directory::new();
    let tmpfs = Mount::new(&directory.0, &["-t", "tmpfs", "-o", "size=2m", "none"]);
    let store = open(&directory.file()).await;
    assert!(one(&store, Change::Plan(seed("b", 0))).await);
    let ballast = directory.0.join("ballast");
    if tmpfs.is_some() {
        // Takes what is left of the disk; that the write fails is the purpose.
        std::fs::write(&ballast, vec![0; 4 << 20]).unwrap_err();
    } else {
        let mut conn = store.writer.acquire().await.unwrap();
        sqlx::query("PRAGMA max_page_count = 40").execute(&mut *conn).await.unwrap();
    }
    for slot in 0..3 {
        let error = store.apply(&large(slot, 400_000)).await.unwrap_err();
        assert!(error.to_string().contains("full"), "{error}");
        assert_eq!(store.unsettled().await.unwrap().len(), 1, "nothing of it is kept");
        if tmpfs.is_none() {
            break;
        }
    }
    std::fs::remove_file(&ballast).ok();
    assert_eq!(store.apply(&large(9, 400_000)).await.unwrap(), [true, true]);
    assert_eq!(store.unsettled().await.unwrap().len(), 2);
    store.close().await;
    drop(tmpfs);
}

#[tokio::test]
async fn a_read_only_file_stops_writing_only_and_only_while_it_is_read_only() {
    let directory = Directory::new();
    let store = open(&directory.file()).await;
    assert!(one(&store, Change::Plan(seed("a", 0))).await);
    let mount = Mount::new(&directory.0, &["--bind", directory.0.to_str().unwrap()]);
    if mount.is_some() {
        assert!(Mount::new(&directory.0, &["-o", "remount,ro,bind"]).map(std::mem::forget).is_some());
    } else {
        set_mode(&directory.0, 0o444);
    }
    // A connection that is open stays writable; what opens anew does not. So lose the open one.
    let thief = Arc::new(crate::model::Seed { token: seed("a", 0).token, ..(*seed("b", 0)).clone() });
    store.apply(&[Change::Plan(thief)]).await.unwrap_err();
    for _ in 0..2 {
        let error = store.apply(&[Change::Plan(seed("a", 1))]).await.unwrap_err();
        assert!(error.to_string().contains("readonly"), "{error}");
        assert_eq!(store.unsettled().await.unwrap().len(), 1);
        assert!(store.find(seed("a", 0).token).await.unwrap().is_some());
    }
    if mount.is_none() {
        set_mode(&directory.0, 0o644);
    }
    drop(mount);
    assert!(one(&store, Change::Plan(seed("a", 1))).await);
    assert_eq!(store.unsettled().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_file_that_vanished_is_not_replaced_by_an_empty_one() {
    let directory = Directory::new();
    let store = open(&directory.file()).await;
    for file in std::fs::read_dir(&directory.0).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    let thief = Arc::new(crate::model::Seed { token: seed("a", 0).token, ..(*seed("b", 0)).clone() });
    store.apply(&[Change::Plan(seed("a", 0)), Change::Plan(thief)]).await.unwrap_err();
    store.apply(&[Change::Plan(seed("a", 0))]).await.unwrap_err();
    assert!(!directory.file().exists());
}
