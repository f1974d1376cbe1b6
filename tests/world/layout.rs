//! The state directory: every server's directories and configuration files, made from the templates in `etc/`.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;

use crate::world::net::Net;
use crate::world::{RELAY_PASSWORD, RELAY_USER, Result, problem, tls};

/// The number that owns a user's mail; nobody else on the machine needs to know it. Each user has one of their own, because the kernel
/// gives each owner no more than 128 inotify instances, and each IDLE session takes one.
pub(in crate::world) fn mail_owner(address: &str) -> u32 {
    100_000 + address.bytes().fold(7, |sum: u32, byte| (sum * 31 + u32::from(byte)) % 100_003)
}

/// A template and the file it becomes.
macro_rules! etc {
    ($($from:literal => $to:literal),+ $(,)?) => {
        [$(($to, include_str!(concat!("etc/", $from)))),+]
    };
}

/// Makes the directory and everything in it.
pub(in crate::world) fn write(state: &Path, net: Net) -> Result<()> {
    for name in ["log", "run", "dns", "tls", "filters", "rspamd", "postgrey", "test"] {
        make(&state.join(name), 0o755, None)?;
    }
    own(&state.join("postgrey"), "postgrey", "postgrey")?;
    let site = Site { state, net, dkim: tls::write(&state.join("tls"))? };
    for (to, template) in etc! {
        "unbound.conf" => "dns/unbound.conf",
        "root.zone" => "dns/root.zone",
        "test.zone" => "dns/test.zone",
        "reverse.zone" => "dns/reverse.zone",
        "libunbound.conf" => "dns/libunbound.conf",
        "rspamd.conf" => "rspamd/rspamd.conf",
        "opendkim-relay.conf" => "filters/opendkim-relay.conf",
        "opendkim-beta.conf" => "filters/opendkim-beta.conf",
        "opendmarc.conf" => "filters/opendmarc.conf",
    } {
        site.write(to, template, &[])?;
    }
    site.write("keeper.sh", include_str!("keeper.sh"), &[])?;
    site.write("resolv.conf", "nameserver {{NET}}.53\noptions timeout:2 attempts:2\n", &[])?;
    site.write("hosts", "127.0.0.1 localhost\n", &[])?;
    site.write("filters/ignored", "192.0.2.1\n", &[])?;
    site.write("rspamd/tld", "com\nnet\norg\ntest\n", &[])?;
    site.postfix("relay", &[include_str!("etc/postfix-relay.cf")], include_str!("etc/postfix-relay-master.cf"))?;
    site.postfix("mx", &[include_str!("etc/postfix-mx.cf")], include_str!("etc/postfix-mx-master.cf"))?;
    for (to, template) in etc! {
        "mx-at-rcpt" => "mx/at-rcpt",
        "mx-after-data" => "mx/after-data",
        "mx-headers" => "mx/headers",
        "mx-aliases" => "mx/aliases",
        "mx-delta-verdicts" => "mx/delta-verdicts",
        "policyd-spf.conf" => "mx/policyd-spf.conf",
    } {
        site.write(to, template, &[])?;
    }
    site.dovecots()
}

/// What the templates are filled with.
struct Site<'a> {
    state: &'a Path,
    net: Net,
    dkim: String,
}

impl Site<'_> {
    fn write(&self, to: &str, template: &str, more: &[(&str, &str)]) -> Result<()> {
        let mut text = template.replace("{{STATE}}", &self.state.to_string_lossy());
        text = text.replace("{{NET}}", &self.net.to_string()).replace("{{DKIM}}", &self.dkim);
        for host in [21, 22, 31, 32, 33, 34] {
            let [_, x, y, host_number] = self.net.address(host).octets();
            text = text.replace(&format!("{{{{REVERSE {host}}}}}"), &format!("{host_number}.{y}.{x}"));
        }
        for (key, value) in more {
            text = text.replace(&format!("{{{{{key}}}}}"), value);
        }
        fs::write(self.state.join(to), text).map_err(|error| problem(to, &error))
    }

    fn postfix(&self, instance: &str, own_settings: &[&str], own_services: &str) -> Result<()> {
        let home = self.state.join(instance);
        make(&home, 0o755, None)?;
        make(&home.join("data"), 0o700, Some("postfix"))?;
        make(&home.join("spool"), 0o755, None)?;
        for name in [
            "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved",
            "trace",
        ] {
            make(&home.join("spool").join(name), 0o700, Some("postfix"))?;
        }
        make(&home.join("spool/pid"), 0o755, None)?;
        for (name, mode) in [("maildrop", 0o1730), ("public", 0o2710)] {
            let path = home.join("spool").join(name);
            make(&path, mode, None)?;
            own(&path, "postfix", "postdrop")?;
            set_mode(&path, mode)?;
        }
        let main = [&[include_str!("etc/postfix-main.cf")], own_settings].concat().concat();
        self.write(&format!("{instance}/main.cf"), &main, &[("INSTANCE", instance)])?;
        let services = [own_services, include_str!("etc/postfix-services.cf")].concat();
        self.write(&format!("{instance}/master.cf"), &services, &[])
    }

    fn dovecots(&self) -> Result<()> {
        let receivers = [
            ("alpha", 31, include_str!("etc/dovecot-alpha.conf"), include_str!("etc/alpha.sieve")),
            ("beta", 32, include_str!("etc/dovecot-beta.conf"), include_str!("etc/beta.sieve")),
            ("gamma", 33, include_str!("etc/dovecot-gamma.conf"), include_str!("etc/gamma.sieve")),
            ("delta", 34, include_str!("etc/dovecot-delta.conf"), include_str!("etc/delta.sieve")),
        ];
        for (receiver, host, folders, sieve) in receivers {
            let address = self.net.address(host).to_string();
            self.dovecot(receiver, &[("PROTOCOLS", "imap lmtp"), ("ADDRESS", &address)], folders)?;
            self.write(&format!("{receiver}/before.sieve"), sieve, &[])?;
        }
        // The relay asks this one whether a login is right; it serves nothing else.
        self.dovecot("relay-auth", &[("PROTOCOLS", "none"), ("ADDRESS", "127.0.0.1")], "")?;
        self.write(&format!("relay-auth/users/{RELAY_USER}"), &account(RELAY_USER, RELAY_PASSWORD), &[])
    }

    fn dovecot(&self, name: &str, more: &[(&str, &str)], folders: &str) -> Result<()> {
        let home = self.state.join(name);
        make(&home, 0o755, None)?;
        // Every user makes a home of their own in it.
        make(&home.join("home"), 0o1777, None)?;
        make(&home.join("users"), 0o755, None)?;
        let text = [include_str!("etc/dovecot.conf"), folders].concat();
        self.write(&format!("{name}/dovecot.conf"), &text, &[&[("RECEIVER", name)], more].concat())
    }
}

/// A user's file: a line like those of `passwd(5)`.
pub(in crate::world) fn account(address: &str, password: &str) -> String {
    let owner = mail_owner(address);
    format!("{address}:{{PLAIN}}{password}:{owner}:{owner}::::\n")
}

fn make(path: &Path, mode: u32, owner: Option<&str>) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| problem(&path.display().to_string(), &error))?;
    set_mode(path, mode)?;
    owner.map_or(Ok(()), |owner| own(path, owner, "root"))
}

fn set_mode(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(|error| problem(&path.display().to_string(), &error))
}

fn own(path: &Path, user: &str, group: &str) -> Result<()> {
    let (user, group) = (id_of("/etc/passwd", user)?, id_of("/etc/group", group)?);
    chown(path, Some(user), Some(group)).map_err(|error| problem(&path.display().to_string(), &error))
}

/// The number of a user or group, by `passwd(5)` or `group(5)`.
fn id_of(file: &str, name: &str) -> Result<u32> {
    let text = fs::read_to_string(file).map_err(|error| problem(file, &error))?;
    let line = text.lines().find(|line| line.split(':').next() == Some(name));
    let number = line.and_then(|line| line.split(':').nth(2)).and_then(|number| number.parse().ok());
    number.ok_or_else(|| problem(file, &format!("there is no {name}; run `make setup`")))
}
