//! The clocks, in nanoseconds as the kernel gives them.
//!
//! `std::time::Instant` does not give its value, but the controlling process has to compare
//! our times with those of kernel events, so the raw CLOCK_MONOTONIC is needed.

fn now(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is valid for writing. The call cannot fail for the two clocks below;
    // if it did, the result would be 0.
    unsafe { libc::clock_gettime(clock, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// CLOCK_MONOTONIC; read in user space (vDSO), so no system call shows up in a trace.
pub fn monotonic_ns() -> u64 {
    now(libc::CLOCK_MONOTONIC)
}

/// CPU time of the calling thread; every reading is a real system call.
pub fn thread_cpu_ns() -> u64 {
    now(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// CPU time of all SQPOLL threads of this process, the kernel's threads that take the
/// submissions of its rings. They are threads of this process named `iou-sqp-` and a number.
pub fn sqpoll_cpu_ns() -> u64 {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else {
        return 0;
    };
    let times = threads.flatten().filter_map(|thread| {
        let read = |name| std::fs::read_to_string(thread.path().join(name)).ok();
        read("comm")?.starts_with("iou-sqp-").then_some(())?;
        read("schedstat")?.split(' ').next()?.parse::<u64>().ok()
    });
    times.sum()
}

/// The kernel's ID of the calling thread (gettid).
pub fn thread_id() -> i32 {
    // SAFETY: no arguments, cannot fail. By number, since older C libraries have no wrapper.
    unsafe { libc::syscall(libc::SYS_gettid) as i32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_advance() {
        let (wall, cpu) = (monotonic_ns(), thread_cpu_ns());
        let mut sum = 0u64;
        while thread_cpu_ns() - cpu < 1_000_000 {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(monotonic_ns() - wall >= 900_000);
    }

    #[test]
    fn a_thread_has_its_own_id() {
        let here = thread_id();
        let there = std::thread::spawn(thread_id).join().unwrap();
        assert!(here > 0 && there > 0 && here != there);
    }
}
