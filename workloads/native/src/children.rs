//! The processes of a brigade of processes.

use crate::limits::{explain, Making};
use crate::rusage::Usage;
use crate::{Error, Result};
use std::io;
use std::os::fd::RawFd;

/// The started processes; each ends when its input does, or with this process.
#[derive(Debug)]
pub struct Children {
    size: usize,
    pids: Vec<libc::pid_t>,
}

impl Children {
    /// Room for `size` of them.
    pub fn new(size: usize) -> Children {
        Children {
            size,
            pids: Vec::with_capacity(size),
        }
    }

    /// How many will be started.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Forks one more, which runs `body` and exits. Call this only while the process has one
    /// thread: the child has a copy of the calling thread alone, and a lock that another
    /// thread held would stay locked.
    pub fn add(&mut self, body: impl FnOnce() -> io::Result<()>) -> Result<()> {
        let parent = std::process::id();
        // SAFETY: this process has one thread, so the child's copy of it is consistent.
        match unsafe { libc::fork() } {
            -1 => Err(explain(
                Making::Processes,
                self.size,
                &io::Error::last_os_error(),
            )),
            0 => {
                die_with(parent);
                let code = i32::from(body().is_err());
                // SAFETY: ends the child without running the parent's exit handlers.
                unsafe { libc::_exit(code) }
            }
            pid => {
                self.pids.push(pid);
                Ok(())
            }
        }
    }

    /// Waits for all; the caller has closed their input. The first error is the one that
    /// explains the others: a killed child before children whose neighbour is gone, and these
    /// before the driver's `outcome`.
    pub fn join<T>(self, outcome: Result<T>) -> Result<T> {
        let mut failed = Ok(());
        let mut killed = Ok(());
        for (number, pid) in self.pids.into_iter().enumerate() {
            let mut status = 0;
            // SAFETY: `status` is valid for writing; the child is ours and not yet waited for.
            while unsafe { libc::waitpid(pid, &mut status, 0) } < 0
                && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
            {}
            let who = format!("process {} of the brigade (pid {pid})", number + 1);
            if libc::WIFSIGNALED(status) {
                let signal = libc::WTERMSIG(status);
                killed = killed.and(Err(Error::failed(format!(
                    "{who} was killed by signal {signal}"
                ))));
            } else if status != 0 {
                let gone = format!("{who} failed: its neighbour is gone");
                failed = failed.and(Err(Error::failed(gone)));
            }
        }
        killed.and(failed).and(outcome)
    }
}

/// In a child: closes descriptors that belong to the parent. Nothing may use them again here.
pub fn close_inherited(descriptors: &[RawFd]) {
    for &fd in descriptors {
        // SAFETY: this copy of their owner is never used and never dropped (see `add`).
        unsafe { libc::close(fd) };
    }
}

/// The kernel kills this process when the parent ends; at once if it has ended already.
fn die_with(parent: u32) {
    // SAFETY: plain calls without memory.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        if libc::getppid() as u32 != parent {
            libc::_exit(1);
        }
    }
}

/// Shared memory with a slot for the usage of each child that is forked later.
#[derive(Debug, Clone, Copy)]
pub struct Tally {
    slots: *mut Usage,
    size: usize,
}

impl Tally {
    /// Stays mapped until the process ends, since the children use it until they end.
    pub fn new(size: usize) -> Result<Tally> {
        // SAFETY: a new mapping, at an address that the kernel chooses.
        let slots = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                size * std::mem::size_of::<Usage>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if slots == libc::MAP_FAILED {
            let error = io::Error::last_os_error();
            return Err(explain(Making::Processes, size, &error));
        }
        Ok(Tally {
            slots: slots.cast(),
            size,
        })
    }

    /// In child `number`: writes its usage so far.
    pub fn write(self, number: usize) {
        assert!(number < self.size);
        // SAFETY: within the mapping; each child has a slot of its own.
        unsafe { self.slots.add(number).write_volatile(Usage::now()) }
    }

    /// In the parent, while no child writes: the sum over all.
    pub fn sum(self) -> Usage {
        // SAFETY: within the mapping; the zeroes that it starts with are a valid usage.
        let all = (0..self.size).map(|number| unsafe { self.slots.add(number).read_volatile() });
        all.fold(Usage::default(), Usage::plus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_killed_child_is_named_before_one_that_failed() {
        // The children do nothing but end, so the threads of the test runner do not matter.
        let mut children = Children::new(3);
        let refused = || Err(io::ErrorKind::BrokenPipe.into());
        children.add(refused).unwrap();
        children.add(|| Ok(())).unwrap();
        // SAFETY: ends the child by a signal.
        let kill = || unsafe {
            libc::raise(libc::SIGKILL);
            Ok(())
        };
        children.add(kill).unwrap();
        let text = children.join(Ok(())).unwrap_err().to_string();
        assert!(text.starts_with("process 3 of the brigade"), "{text}");
        assert!(text.ends_with("killed by signal 9"), "{text}");
    }

    #[test]
    fn slots_are_shared() {
        let tally = Tally::new(2).unwrap();
        assert_eq!(tally.sum(), Usage::default());
        let mut children = Children::new(1);
        children
            .add(|| {
                tally.write(1);
                Ok(())
            })
            .unwrap();
        children.join(Ok(())).unwrap();
        assert!(tally.sum().max_rss_bytes > 0);
    }
}
