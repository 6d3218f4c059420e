//! The limits of the system that a large brigade reaches.
//!
//! This is the usual way for a brigade to fail, so the message names the setting to raise
//! and not only the error.

use crate::{culprit, Error, Result};
use std::io;

/// What was being made when the system refused it; which limits come into question depends
/// on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Making {
    Sockets,
    Threads,
    Processes,
    Rings,
    /// Threads of an async runtime; the number in the message is that of workers, not tasks.
    Workers,
}

/// Raises the soft limit of open files to the hard one: every task holds two sockets, and
/// the usual soft limit of 1024 allows about 500 tasks. If this is refused, opening a socket
/// fails later with a message that names the limit.
pub fn raise_open_files() {
    if let Some(mut limit) = open_files() {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: `limit` is a valid rlimit.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) };
    }
}

fn open_files() -> Option<libc::rlimit> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is valid for writing.
    let code = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) };
    (code == 0).then_some(limit)
}

/// An error that says what could not be made and which limit to raise.
pub fn explain(making: Making, number: usize, error: &io::Error) -> Error {
    let what = match making {
        Making::Sockets => format!("sockets or pipes for {number} tasks"),
        Making::Threads => format!("threads for {number} tasks"),
        Making::Processes => format!("processes for {number} tasks"),
        Making::Rings => format!("an io_uring for {number} tasks"),
        Making::Workers => format!("{number} worker threads"),
    };
    let advice = match (making, error.raw_os_error()) {
        (_, Some(libc::EMFILE)) => format!(
            "; {number} tasks need about {} descriptors, the limit is {}: raise the hard limit \
             of open files (ulimit -Hn, LimitNOFILE)",
            number * if making == Making::Rings { 3 } else { 2 } + 20,
            open_files().map_or("unknown".into(), |limit| limit.rlim_cur.to_string())
        ),
        (_, Some(libc::ENFILE)) => "; raise fs.file-max".into(),
        (_, Some(libc::ENOSPC)) => "; raise fs.epoll.max_user_watches".into(),
        (
            Making::Threads | Making::Processes | Making::Workers,
            Some(libc::EAGAIN | libc::ENOMEM),
        ) => advice_for_threads(),
        (Making::Rings, Some(libc::ENOMEM)) => {
            "; raise the limit of locked memory (ulimit -l) or vm.max_map_count, or free memory"
                .into()
        }
        (_, Some(libc::ENOMEM | libc::ENOBUFS)) => {
            "; free memory or raise its limit (ulimit -v, memory.max)".into()
        }
        _ => String::new(),
    };
    Error::failed(format!("cannot make {what}: {error}{advice}"))
}

/// Names the limits that are full; if none is seen to be, all that can be the cause.
fn advice_for_threads() -> String {
    let full = culprit::full_for_threads(AREAS_PER_THREAD, STACK_BYTES);
    if !full.is_empty() {
        return format!("; this limit is full: {}; raise it", full.join(", "));
    }
    "; raise the limit of processes (ulimit -u), of the control group (pids.max, TasksMax) \
     or of the system (kernel.threads-max, kernel.pid_max), or free memory"
        .into()
}

/// Memory areas that a thread takes: its stack and the alternate stack of its signal
/// handlers, each with a guard page.
const AREAS_PER_THREAD: u64 = 4;
/// Areas of the program itself, and of glibc's malloc arenas: up to eight for each CPU, of
/// 64 MiB and two areas each.
const AREAS_OF_PROGRAM: u64 = 40;
const AREAS_PER_CPU: u64 = 16;
const HEAPS_PER_CPU: u64 = 8;
const HEAP_BYTES: u64 = 64 << 20;
const PAGE_BYTES: u64 = 4096;
/// A thread's stack with its guard page.
const STACK_BYTES: u64 = (1 << 20) + PAGE_BYTES;

/// What the standard library maps for a thread's signal handlers: a guard page and 8 KiB, or
/// what this CPU's registers need (12 KiB with AMX).
fn signal_stack_bytes() -> u64 {
    // SAFETY: a plain call without memory; 0 where the kernel does not say.
    let least = unsafe { libc::getauxval(libc::AT_MINSIGSTKSZ) };
    PAGE_BYTES + least.max(8192).next_multiple_of(PAGE_BYTES)
}

/// Checks that the threads fit into vm.max_map_count and RLIMIT_AS, before they are started:
/// the standard library panics when a new thread cannot map its signal stack. `more` is the
/// number of areas that each takes besides its stacks.
pub fn check_memory_areas(threads: usize, more: u64) -> Result<()> {
    let limit = std::fs::read_to_string("/proc/sys/vm/max_map_count")
        .ok()
        .and_then(|text| text.trim().parse::<u64>().ok());
    let cpus = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let fixed = AREAS_OF_PROGRAM + AREAS_PER_CPU * cpus;
    let needed = threads as u64 * (AREAS_PER_THREAD + more) + fixed;
    match limit {
        Some(limit) if needed > limit => Err(Error::failed(format!(
            "cannot make threads for {threads} tasks: they need about {needed} memory areas, \
             the limit is {limit}: raise vm.max_map_count"
        ))),
        _ => check_address_space(threads as u64, cpus),
    }
}

/// The same for the address space: stacks, and malloc's arenas.
fn check_address_space(threads: u64, cpus: u64) -> Result<()> {
    let mapped = culprit::kib("/proc/self/status", "VmSize:").unwrap_or(0) << 10;
    let heaps = (HEAPS_PER_CPU * cpus - 1).min(threads) * HEAP_BYTES;
    let needed = mapped + heaps + threads * (STACK_BYTES + signal_stack_bytes());
    match culprit::soft(libc::RLIMIT_AS) {
        Some(limit) if needed > limit => Err(Error::failed(format!(
            "cannot make threads for {threads} tasks: they need about {needed} bytes of address \
             space, the limit is {limit}: raise RLIMIT_AS (ulimit -v)"
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(making: Making, code: i32) -> String {
        explain(making, 500, &io::Error::from_raw_os_error(code)).to_string()
    }

    #[test]
    fn the_message_names_the_limit() {
        assert!(text(Making::Sockets, libc::EMFILE).contains("ulimit -Hn"));
        assert!(text(Making::Sockets, libc::ENFILE).contains("fs.file-max"));
        assert!(text(Making::Threads, libc::EAGAIN).contains("ulimit -u"));
        assert!(text(Making::Workers, libc::EAGAIN).starts_with("cannot make 500 worker threads"));
        assert!(!text(Making::Sockets, libc::EAGAIN).contains("ulimit"));
    }

    #[test]
    fn soft_limit_reaches_the_hard_one() {
        raise_open_files();
        let limit = open_files().unwrap();
        assert_eq!(limit.rlim_cur, limit.rlim_max);
    }

    #[test]
    fn memory_areas() {
        assert!(check_memory_areas(10, 0).is_ok());
        let error = check_memory_areas(1 << 40, 3).unwrap_err();
        assert!(error.to_string().contains("vm.max_map_count"));
    }
}
