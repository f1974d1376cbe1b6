//! A disk that is full, and a database that a newer Landfall wrote.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::landfall::{Daemon, Setup, landfall, pause};
use crate::the_world;

/// A file system of two MiB, for as long as this lives.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount() -> Self {
        let at = std::env::temp_dir().join(format!("landfall-disk-{}", std::process::id()));
        fs::create_dir_all(&at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(&at).status().unwrap();
        assert!(mounted.success(), "mounting needs root");
        Self(at)
    }

    /// Takes up all that is free.
    fn fill(&self) {
        let mut length = 4 << 20;
        while length > 0 {
            let written = fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(self.0.join("filler"))
                .and_then(|mut file| std::io::Write::write_all(&mut file, &vec![0; length]));
            if written.is_err() {
                length /= 2;
            }
        }
    }

    fn free(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
        drop(fs::remove_dir(&self.0));
    }
}

#[test]
fn a_full_disk_stops_sending_keeps_serving_says_so_and_heals() {
    let world = the_world();
    let mailbox = world.user("alpha.test", "disk1").unwrap();
    let setup = Setup::new(world, "disk1")
        .mailbox("m", &mailbox, "")
        .probe("p", "{ routes: [relay], mailboxes: [m], every: 1s, deadline: 60s }");
    let disk = SmallDisk::mount();
    let config = setup.write();
    let database = |directory: &Path| directory.join("landfall.db").display().to_string();
    let text = fs::read_to_string(&config).unwrap().replace(&database(&setup.dir), &database(&disk.0));
    fs::write(&config, text).unwrap();

    let limit = Duration::from_secs(60);
    let daemon = Daemon::start_with(&config, &[]);
    daemon.until_metric("landfall_seeds_settled_total", &["outcome=\"inbox\""], 2.0, limit);
    assert_eq!(daemon.metric("landfall_store_writable", &[]), Some(1.0));
    disk.fill();
    daemon.until("the store is said to be full", limit, || daemon.metric("landfall_store_writable", &[]) == Some(0.0));
    let sent = daemon.metric("landfall_handoffs_total", &[]).unwrap();
    pause(Duration::from_secs(4));
    let sent_since = daemon.metric("landfall_handoffs_total", &[]).unwrap() - sent;
    assert!(sent_since <= 1.0, "{sent_since} seeds were sent that could not be remembered");
    assert_eq!(daemon.get("/-/healthy").unwrap().0, 200);
    assert!(daemon.metric("landfall_store_errors_total", &["operation=\"write\""]).unwrap() >= 1.0);

    disk.free();
    daemon.until("the store takes writes again", limit, || daemon.metric("landfall_store_writable", &[]) == Some(1.0));
    let settled = daemon.metric("landfall_seeds_settled_total", &["outcome=\"inbox\""]).unwrap();
    daemon.until_metric("landfall_seeds_settled_total", &["outcome=\"inbox\""], settled + 2.0, limit);
    assert_eq!(daemon.metric("landfall_seeds_duplicate_total", &[]), Some(0.0));
    drop(daemon.terminate());
}

#[test]
fn a_database_of_a_newer_landfall_is_refused_with_both_versions() {
    let world = the_world();
    let mailbox = world.user("alpha.test", "newer1").unwrap();
    let setup = Setup::new(world, "newer1")
        .mailbox("m", &mailbox, "")
        .probe("p", "{ routes: [relay], mailboxes: [m], every: 1h, deadline: 60s }");
    drop(Daemon::start(&setup).terminate());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(setup.database());
        let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
        let sql = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                   VALUES (9999, 'of the future', TRUE, x'00', 0)";
        sqlx::query(sql).execute(&pool).await.unwrap();
        pool.close().await;
    });
    let output = landfall(&setup.write(), "run", &["--web.listen-address=127.0.0.1:0"]);
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{log}");
    assert!(log.contains("schema version 9999") && log.contains("run the newer landfall"), "{log}");
}
