//! Which limit is full when the system refuses a thread or a process.
//!
//! It is read at that moment, while the threads that were made before still exist: when they
//! have ended, the limit is no longer full, so tracer cannot find it afterwards.

use std::fs;
use std::path::{Path, PathBuf};

/// After pid wrap-around the kernel reuses no pid below this (RESERVED_PIDS, kernel/pid.c).
const RESERVED_PIDS: u64 = 300;
/// A limit counts as full when less than 1/SHARE_LEFT of it, or NUMBER_LEFT, is left: other
/// processes start and end threads between the refusal and this reading.
const SHARE_LEFT: u64 = 200;
const NUMBER_LEFT: u64 = 4;

/// The limits on threads and processes that are full now, each with its value. One more thread
/// takes `areas_each` memory areas and `bytes_each` of address space.
pub fn full_for_threads(areas_each: u64, bytes_each: u64) -> Vec<String> {
    let mut found = Vec::new();
    for directory in groups() {
        let most = number(&directory.join("pids.max"));
        let used = number(&directory.join("pids.current"));
        if let (Some(most), Some(used)) = (most, used) {
            name_if_full(
                &mut found,
                &directory.join("pids.max").display().to_string(),
                most,
                used,
            );
        }
    }
    let threads = threads_of_system().unwrap_or(0);
    if let Some(most) = number("/proc/sys/kernel/threads-max".as_ref()) {
        name_if_full(&mut found, "kernel.threads-max", most, threads);
    }
    if let Some(most) = number("/proc/sys/kernel/pid_max".as_ref()) {
        let free = most.saturating_sub(RESERVED_PIDS);
        if is_full(free, threads.saturating_sub(low_pids())) {
            found.push(format!("kernel.pid_max ({most})"));
        }
    }
    // SAFETY: a plain call without memory.
    let uid = unsafe { libc::getuid() };
    if let (true, Some(most)) = (uid != 0, soft(libc::RLIMIT_NPROC)) {
        name_if_full(
            &mut found,
            "RLIMIT_NPROC (ulimit -u)",
            most,
            threads_of(uid),
        );
    }
    found.extend(full_for_memory(areas_each, bytes_each));
    found
}

/// The limits on one process's memory that are full now.
fn full_for_memory(areas_each: u64, bytes_each: u64) -> Vec<String> {
    let mut found = Vec::new();
    let areas = fs::read_to_string("/proc/self/maps").map_or(0, |maps| maps.lines().count() as u64);
    match number("/proc/sys/vm/max_map_count".as_ref()) {
        Some(most) if areas + areas_each > most => found.push(format!("vm.max_map_count ({most})")),
        _ => {}
    }
    let mapped = kib("/proc/self/status", "VmSize:").unwrap_or(0) << 10;
    match soft(libc::RLIMIT_AS) {
        Some(most) if mapped + bytes_each > most => {
            found.push(format!("RLIMIT_AS (ulimit -v, {most} bytes)"));
        }
        _ => {}
    }
    if number("/proc/sys/vm/overcommit_memory".as_ref()) == Some(2) {
        let committed = kib("/proc/meminfo", "Committed_AS:").unwrap_or(0);
        let most = kib("/proc/meminfo", "CommitLimit:").unwrap_or(u64::MAX);
        if committed + (bytes_each >> 10) > most {
            found.push("vm.overcommit_memory=2 (CommitLimit)".into());
        }
    }
    found
}

fn name_if_full(found: &mut Vec<String>, name: &str, most: u64, used: u64) {
    if is_full(most, used) {
        found.push(format!("{name} ({most})"));
    }
}

fn is_full(most: u64, used: u64) -> bool {
    used + NUMBER_LEFT.max(most / SHARE_LEFT) >= most
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The number in a line `Name:  number kB` of a file of /proc.
pub fn kib(path: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// A soft limit; None when there is none.
pub fn soft(which: libc::__rlimit_resource_t) -> Option<u64> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is valid for writing.
    let code = unsafe { libc::getrlimit(which, &mut limit) };
    (code == 0 && limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}

/// The control groups of this process and their ancestors, both versions.
fn groups() -> Vec<PathBuf> {
    let text = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut found = Vec::new();
    for line in text.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controller), Some(path)) = (fields.next(), fields.next()) else {
            continue;
        };
        let base = Path::new("/sys/fs/cgroup").join(controller);
        let own = base.join(path.trim_start_matches('/'));
        found.extend(
            own.ancestors()
                .take_while(|p| p.starts_with(&base))
                .map(Path::to_owned),
        );
    }
    found
}

/// All threads of the system: the second number in the fourth field of /proc/loadavg.
fn threads_of_system() -> Option<u64> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    let both = text.split_whitespace().nth(3)?;
    both.split_once('/')?.1.parse().ok()
}

fn pids() -> impl Iterator<Item = u64> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

fn low_pids() -> u64 {
    pids().filter(|&pid| pid < RESERVED_PIDS).count() as u64
}

fn threads_of(uid: libc::uid_t) -> u64 {
    let threads = |pid| {
        let path = format!("/proc/{pid}/status");
        let owner = kib(&path, "Uid:")?;
        (owner == u64::from(uid)).then(|| kib(&path, "Threads:"))?
    };
    pids().filter_map(threads).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_full_when_half_a_percent_or_less_is_left() {
        assert!(is_full(1000, 1000) && is_full(1000, 996));
        assert!(!is_full(1000, 990));
        assert!(is_full(100_000, 99_600) && !is_full(100_000, 99_000));
    }

    #[test]
    fn this_process_is_seen() {
        assert!(threads_of_system().unwrap() > 1);
        // SAFETY: a plain call without memory.
        assert!(threads_of(unsafe { libc::getuid() }) >= 1);
        assert!(kib("/proc/self/status", "VmSize:").unwrap() > 100);
    }

    #[test]
    fn a_stack_that_does_not_fit_into_the_address_space_names_its_limit() {
        let unlimited = soft(libc::RLIMIT_AS).is_none();
        let named = full_for_memory(0, u64::MAX >> 1);
        assert_eq!(
            named.iter().any(|name| name.contains("RLIMIT_AS")),
            !unlimited
        );
    }
}
