//! What the system says of this process, by the names that every Prometheus exporter uses.
//!
//! Linux tells it in `/proc/self` (proc(5)): sizes in `status`, CPU time in `stat` in clock ticks, whose length the kernel passes to each
//! process in its auxiliary vector, limits in `limits`, and one link for each open file in `fd`. Elsewhere nothing is known, and nothing is said.

use std::fmt;
use std::fs::File;
use std::io::Read as _;

use prometheus_client::encoding::DescriptorEncoder;

use crate::metrics::descriptor;

/// What is known of the process. `None` is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Process {
    /// CPU time spent in user and system mode, in seconds.
    pub cpu_seconds: Option<f64>,
    /// Resident memory in bytes.
    pub resident_bytes: Option<u64>,
    /// Virtual memory in bytes.
    pub virtual_bytes: Option<u64>,
    /// Open file descriptors.
    pub open_fds: Option<u64>,
    /// The soft limit of open file descriptors; `None` also where there is none.
    pub max_fds: Option<u64>,
}

/// None of the files is near as long.
const MAX_FILE: u64 = 64 * 1024;

/// The entry of the auxiliary vector that holds the clock ticks in a second (`AT_CLKTCK`, getauxval(3)).
const AT_CLKTCK: usize = 17;

impl Process {
    /// Asks the system.
    #[must_use]
    pub fn read() -> Self {
        let status = text("/proc/self/status").unwrap_or_default();
        Self {
            cpu_seconds: cpu_seconds(),
            resident_bytes: kilobytes(&status, "VmRSS:"),
            virtual_bytes: kilobytes(&status, "VmSize:"),
            open_fds: open_fds(),
            max_fds: text("/proc/self/limits").and_then(|limits| soft_limit(&limits, "Max open files")),
        }
    }

    /// Writes what is known.
    pub(crate) fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        descriptor::PROCESS_CPU.counter(encoder, self.cpu_seconds)?;
        descriptor::PROCESS_RESIDENT.gauge(encoder, self.resident_bytes)?;
        descriptor::PROCESS_VIRTUAL.gauge(encoder, self.virtual_bytes)?;
        descriptor::PROCESS_OPEN_FDS.gauge(encoder, self.open_fds)?;
        descriptor::PROCESS_MAX_FDS.gauge(encoder, self.max_fds)
    }
}

fn bytes(path: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MAX_FILE).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn text(path: &str) -> Option<String> {
    bytes(path).and_then(|bytes| String::from_utf8(bytes).ok())
}

/// The value of a line such as `VmRSS:      1234 kB`, in bytes.
fn kilobytes(status: &str, key: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(key))?;
    value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The first number of a line such as `Max open files            1024                 4096                 files`.
fn soft_limit(limits: &str, key: &str) -> Option<u64> {
    let value = limits.lines().find_map(|line| line.strip_prefix(key))?;
    value.split_ascii_whitespace().next()?.parse().ok()
}

fn cpu_seconds() -> Option<f64> {
    let ticks = cpu_ticks(&text("/proc/self/stat")?)?;
    let per_second = auxiliary(&bytes("/proc/self/auxv")?, AT_CLKTCK)?;
    // Hundredths of a second of CPU time fit for 497 days of one core.
    let ticks = u32::try_from(ticks).ok()?;
    (per_second > 0).then(|| f64::from(ticks) / f64::from(u16::try_from(per_second).unwrap_or(u16::MAX)))
}

/// `utime` and `stime`, the 14th and 15th field of `stat`. The second field is the program's name in parentheses, which may itself hold
/// blanks and parentheses: fields are counted from the last one.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    user.checked_add(system)
}

/// The value of `key` in an auxiliary vector: pairs of machine words.
fn auxiliary(vector: &[u8], key: usize) -> Option<usize> {
    const WORD: usize = size_of::<usize>();
    let words: Vec<usize> =
        vector.chunks_exact(WORD).filter_map(|word| word.try_into().ok().map(usize::from_ne_bytes)).collect();
    words.chunks_exact(2).find_map(|pair| match pair {
        [k, value] if *k == key => Some(*value),
        _ => None,
    })
}

/// The entries of `/proc/self/fd`, without the one that reading it opens.
fn open_fds() -> Option<u64> {
    let entries = std::fs::read_dir("/proc/self/fd").ok()?.count();
    u64::try_from(entries).ok()?.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_cannot_shift_the_fields() {
        let stat = "42 (a) b (c) R 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 3 0 100 0 0";
        assert_eq!(cpu_ticks(stat), Some(200));
        assert_eq!(cpu_ticks("42 (x) R 1 2"), None);
    }

    #[test]
    fn lines_that_say_something_else_are_not_known() {
        assert_eq!(kilobytes("VmSize:\t  9 kB\nVmRSS:\t  1234 kB\n", "VmRSS:"), Some(1234 * 1024));
        assert_eq!(kilobytes("VmRSS:\t  lots kB\n", "VmRSS:"), None);
        assert_eq!(kilobytes("VmRSS:\t 18446744073709551615 kB\n", "VmRSS:"), None);
        assert_eq!(soft_limit("Max open files  1024  4096  files\n", "Max open files"), Some(1024));
        assert_eq!(soft_limit("Max open files  unlimited  unlimited  files\n", "Max open files"), None);
    }

    #[test]
    fn the_auxiliary_vector_is_read_in_pairs() {
        let vector: Vec<u8> = [6, 17, 17, 100, 0, 0].into_iter().flat_map(usize::to_ne_bytes).collect();
        assert_eq!(auxiliary(&vector, AT_CLKTCK), Some(100));
        assert_eq!(auxiliary(&vector, 33), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn linux_tells_everything() {
        let process = Process::read();
        assert!(process.cpu_seconds.is_some(), "{process:?}");
        assert!(process.resident_bytes.is_some_and(|bytes| bytes > 100_000), "{process:?}");
        assert!(process.virtual_bytes >= process.resident_bytes, "{process:?}");
        assert!(process.open_fds.is_some_and(|count| count >= 3), "{process:?}");
    }
}
