//! An io_uring as the brigade uses it: requests of one byte, and waits for completions.

use crate::limits::{explain, Making};
use crate::transport::End;
use crate::{Error, Result};
use io_uring::squeue::{Entry, Flags};
use io_uring::{opcode, types::Fd, IoUring};
use std::hint::spin_loop;
use std::io;
use std::os::fd::AsRawFd;

/// The most entries that a submission queue can have (IORING_MAX_ENTRIES).
pub const MOST_ENTRIES: usize = 32_768;

/// The user data of a request that completes only if it fails.
const SILENT: u64 = u64::MAX;

/// How long the SQPOLL thread polls for submissions before it sleeps, ms.
const POLL_MS: u32 = 100;
/// With SQPOLL: how many times the completion queue is polled before io_uring_enter waits.
/// It is bounded because the SQPOLL thread may need this CPU to make progress.
const COMPLETION_POLLS: usize = 20_000;

/// What happens when a request is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// It posts a completion with this number.
    Report(u64),
    /// It posts a completion only if it fails.
    Nothing,
    /// It posts a completion only if it fails; else the next request starts (IOSQE_IO_LINK).
    Next,
}

/// A ring. The memory that its requests read and write must outlive it.
pub struct Ring {
    ring: IoUring,
    polled: bool,
}

impl Ring {
    /// A ring for `entries` submissions at a time. With `polled` (SQPOLL) a kernel thread takes
    /// them, so that submitting needs no system call. `tasks` is for the error message.
    pub fn new(entries: usize, polled: bool, tasks: usize) -> Result<Ring> {
        let mut builder = IoUring::builder();
        if polled {
            builder.setup_sqpoll(POLL_MS);
        }
        let ring = builder
            .build(entries as u32)
            .map_err(|error| refused(tasks, &error))?;
        if !ring.params().is_feature_skip_cqe_on_success() {
            return Err(Error::failed(
                "this kernel's io_uring is too old: Linux 5.17 or newer is needed",
            ));
        }
        Ok(Ring { ring, polled })
    }

    /// Queues the sending of a byte; it is submitted with the next wait.
    ///
    /// # Safety
    /// `byte` stays valid until the request is done or the ring is gone.
    pub unsafe fn send(&mut self, end: &End, byte: *const u8, after: After) -> Result<()> {
        let fd = Fd(end.as_raw_fd());
        let entry = match end {
            End::Socket(_) => opcode::Send::new(fd, byte, 1).build(),
            End::Pipe(_) => opcode::Write::new(fd, byte, 1).build(),
        };
        self.push(entry, after)
    }

    /// Queues the receiving of a byte.
    ///
    /// # Safety
    /// `byte` stays valid and unused until the request is done or the ring is gone.
    pub unsafe fn receive(&mut self, end: &End, byte: *mut u8, after: After) -> Result<()> {
        let fd = Fd(end.as_raw_fd());
        let entry = match end {
            End::Socket(_) => opcode::Recv::new(fd, byte, 1).build(),
            End::Pipe(_) => opcode::Read::new(fd, byte, 1).build(),
        };
        self.push(entry, after)
    }

    fn push(&mut self, entry: Entry, after: After) -> Result<()> {
        let entry = match after {
            After::Report(number) => entry.user_data(number),
            After::Nothing => entry.user_data(SILENT).flags(Flags::SKIP_SUCCESS),
            After::Next => entry
                .user_data(SILENT)
                .flags(Flags::SKIP_SUCCESS | Flags::IO_LINK),
        };
        // SAFETY: the callers of `send` and `receive` keep the byte valid.
        while unsafe { self.ring.submission().push(&entry) }.is_err() {
            self.submit(0)?;
            if self.polled {
                let waited = self.ring.submitter().squeue_wait();
                waited.map_err(|error| failed("wait for room in the ring", &error))?;
            }
        }
        Ok(())
    }

    /// Submits what is queued, and waits until there are `wait_for` completions.
    pub fn submit(&mut self, wait_for: usize) -> Result<()> {
        loop {
            match self.ring.submit_and_wait(wait_for) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed("io_uring_enter", &error)),
            }
        }
    }

    /// Submits what is queued, waits for at least `count` completions, and puts the numbers of
    /// all that there are into `done`. Returns false at the end of the input.
    pub fn wait(&mut self, count: usize, done: &mut Vec<u64>) -> Result<bool> {
        done.clear();
        if self.polled {
            self.submit(0)?;
            for _ in 0..COMPLETION_POLLS {
                if self.ring.completion().len() >= count {
                    break;
                }
                spin_loop();
            }
        }
        if !self.polled || self.ring.completion().len() < count {
            self.submit(count)?;
        }
        for completion in self.ring.completion() {
            match completion.result() {
                0 => return Ok(false),
                1 => done.push(completion.user_data()),
                code => {
                    let error = io::Error::from_raw_os_error(-code);
                    return Err(failed("a request of the brigade", &error));
                }
            }
        }
        Ok(true)
    }
}

fn failed(what: &str, error: &io::Error) -> Error {
    Error::failed(format!("{what}: {error}"))
}

/// The error when no ring can be made: why, and how to allow it.
fn refused(tasks: usize, error: &io::Error) -> Error {
    let setting = std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled");
    let setting = setting.as_deref().unwrap_or("").trim();
    let why = match error.raw_os_error() {
        Some(libc::ENOSYS) => {
            "the kernel was built without it (CONFIG_IO_URING), or a seccomp filter hides it: \
             outside of the container, or with a profile that allows io_uring_setup, it may work"
        }
        Some(libc::EPERM) if matches!(setting, "1" | "2") => {
            "kernel.io_uring_disabled forbids it: allow it with `sysctl kernel.io_uring_disabled=0` \
             (with 1, root and the group in kernel.io_uring_group may use it)"
        }
        Some(libc::EPERM | libc::EACCES) => {
            "a security policy forbids it: allow io_uring_setup, io_uring_enter and \
             io_uring_register in the seccomp profile of the container or service"
        }
        _ => return explain(Making::Rings, tasks, error),
    };
    Error::failed(format!("io_uring cannot be used: {error}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_how_to_allow_it() {
        let text = |code| refused(1, &io::Error::from_raw_os_error(code)).to_string();
        assert!(text(libc::ENOSYS).contains("CONFIG_IO_URING"));
        assert!(text(libc::EPERM).contains("allow"));
        assert!(text(libc::EMFILE).contains("ulimit -Hn"));
    }
}
