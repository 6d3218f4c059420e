//! What the kernel has charged to this process.

/// The counters of getrusage for this process and the children it has waited for, ended threads
/// included: a profiler that follows forks sees the children's time too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    pub user_ns: u64,
    pub system_ns: u64,
    /// The peak resident size so far; not a sum, so [`Usage::since`] keeps it as it is.
    pub max_rss_bytes: u64,
    pub minor_faults: u64,
    pub major_faults: u64,
    pub voluntary: u64,
    pub involuntary: u64,
}

fn ns(time: libc::timeval) -> u64 {
    time.tv_sec as u64 * 1_000_000_000 + time.tv_usec as u64 * 1_000
}

fn raw_usage(who: libc::c_int) -> libc::rusage {
    // SAFETY: rusage is plain numbers, for which all zeroes is a value, and the call only
    // writes to it; it cannot fail for these two.
    unsafe {
        let mut raw: libc::rusage = std::mem::zeroed();
        libc::getrusage(who, &mut raw);
        raw
    }
}

/// The peak resident size since exec. ru_maxrss survives exec, so it can be the peak of the
/// program that called exec.
fn peak_resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

impl Usage {
    pub fn now() -> Self {
        let own = raw_usage(libc::RUSAGE_SELF);
        let children = raw_usage(libc::RUSAGE_CHILDREN);
        let sum = |of: fn(&libc::rusage) -> u64| of(&own) + of(&children);
        Usage {
            user_ns: sum(|raw| ns(raw.ru_utime)),
            system_ns: sum(|raw| ns(raw.ru_stime)),
            max_rss_bytes: peak_resident_bytes().unwrap_or(own.ru_maxrss as u64 * 1024),
            minor_faults: sum(|raw| raw.ru_minflt as u64),
            major_faults: sum(|raw| raw.ru_majflt as u64),
            voluntary: sum(|raw| raw.ru_nvcsw as u64),
            involuntary: sum(|raw| raw.ru_nivcsw as u64),
        }
    }

    /// The usage of two processes; the peak is the larger of the two.
    pub fn plus(self, other: Usage) -> Usage {
        Usage {
            user_ns: self.user_ns + other.user_ns,
            system_ns: self.system_ns + other.system_ns,
            max_rss_bytes: self.max_rss_bytes.max(other.max_rss_bytes),
            minor_faults: self.minor_faults + other.minor_faults,
            major_faults: self.major_faults + other.major_faults,
            voluntary: self.voluntary + other.voluntary,
            involuntary: self.involuntary + other.involuntary,
        }
    }

    /// The usage since `before`. The kernel splits CPU time into user and system time by
    /// samples, so either may go back a little: that counts as 0.
    pub fn since(self, before: Usage) -> Usage {
        Usage {
            user_ns: self.user_ns.saturating_sub(before.user_ns),
            system_ns: self.system_ns.saturating_sub(before.system_ns),
            max_rss_bytes: self.max_rss_bytes,
            minor_faults: self.minor_faults.saturating_sub(before.minor_faults),
            major_faults: self.major_faults.saturating_sub(before.major_faults),
            voluntary: self.voluntary.saturating_sub(before.voluntary),
            involuntary: self.involuntary.saturating_sub(before.involuntary),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_keeps_the_peak_and_never_wraps() {
        let before = Usage {
            user_ns: 10,
            system_ns: 7,
            max_rss_bytes: 4096,
            ..Usage::default()
        };
        let after = Usage {
            user_ns: 25,
            system_ns: 6,
            max_rss_bytes: 8192,
            voluntary: 3,
            ..Usage::default()
        };
        let delta = after.since(before);
        assert_eq!(delta.user_ns, 15);
        assert_eq!(delta.system_ns, 0);
        assert_eq!(delta.max_rss_bytes, 8192);
        assert_eq!(delta.voluntary, 3);
    }

    #[test]
    fn a_sum_takes_the_larger_peak() {
        let usage = |user_ns, max_rss_bytes| Usage {
            user_ns,
            max_rss_bytes,
            ..Usage::default()
        };
        assert_eq!(usage(1, 8).plus(usage(2, 4)), usage(3, 8));
    }

    #[test]
    fn this_process_has_used_memory() {
        assert!(Usage::now().max_rss_bytes > 100_000);
    }
}
