//! The system calls that the standard library has no function for.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::AtomicU32;
use std::time::Duration;
use tracer_workloads::error::Context;
use tracer_workloads::{Error, Result};

/// The result of a call that returns -1 for an error.
pub fn checked(what: &str, code: impl Into<i64>) -> Result<i64> {
    match code.into() {
        -1 => Err(io::Error::last_os_error()).context(what),
        code => Ok(code),
    }
}

fn is_interrupted() -> bool {
    io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
}

/// clock_nanosleep; after a signal it sleeps for what is left.
pub fn sleep(length: Duration) {
    let mut left = libc::timespec {
        tv_sec: length.as_secs() as libc::time_t,
        tv_nsec: libc::c_long::from(length.subsec_nanos() as i32),
    };
    // SAFETY: both pointers are to a valid timespec; they may be the same.
    while unsafe {
        let left = ptr::addr_of_mut!(left);
        libc::clock_nanosleep(libc::CLOCK_MONOTONIC, 0, left, left)
    } == libc::EINTR
    {}
}

/// Reads one byte, waiting for it.
pub fn read_byte(fd: RawFd) -> Result<()> {
    let mut byte = 0u8;
    loop {
        // SAFETY: `byte` is valid for writing one byte.
        match unsafe { libc::read(fd, ptr::addr_of_mut!(byte).cast(), 1) } {
            1 => return Ok(()),
            0 => return Err(Error::failed("nobody is left to write the awaited byte")),
            _ if is_interrupted() => {}
            _ => return Err(io::Error::last_os_error()).context("read"),
        }
    }
}

pub fn write_byte(fd: RawFd) -> Result<()> {
    // SAFETY: the string has one byte.
    let count = unsafe { libc::write(fd, b"*".as_ptr().cast(), 1) };
    checked("write", count as i64).map(drop)
}

pub fn pipe() -> Result<(OwnedFd, OwnedFd)> {
    let mut ends = [-1; 2];
    // SAFETY: room for two descriptors, which are ours afterwards.
    unsafe {
        checked("pipe2", libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC))?;
        Ok((OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])))
    }
}

/// Waits while the word is zero.
pub fn futex_wait(word: &AtomicU32) {
    use std::sync::atomic::Ordering;
    let op = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    while word.load(Ordering::Acquire) == 0 {
        // SAFETY: the word outlives the call; no time-out is given.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                word.as_ptr(),
                op,
                0,
                ptr::null::<libc::timespec>(),
            )
        };
    }
}

/// Sets the word and wakes up to `most` of its waiters.
pub fn futex_wake(word: &AtomicU32, most: i32) -> Result<()> {
    use std::sync::atomic::Ordering;
    word.store(1, Ordering::Release);
    let op = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the word outlives the call.
    let woken = unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), op, most) };
    checked("futex", woken).map(drop)
}

/// A futex word and its calls, all with FUTEX_PRIVATE_FLAG.
#[derive(Default)]
pub struct Futex(AtomicU32);

impl Futex {
    fn call(
        &self,
        op: i32,
        value: u32,
        fourth: usize,
        other: &AtomicU32,
        last: u32,
    ) -> Result<i64> {
        // SAFETY: both words and what `fourth` may point to outlive the call.
        let code = unsafe {
            libc::syscall(
                libc::SYS_futex,
                self.0.as_ptr(),
                op | libc::FUTEX_PRIVATE_FLAG,
                value,
                fourth,
                other.as_ptr(),
                last,
            )
        };
        checked("futex", code)
    }

    /// Sleeps if the word is `expected`, until woken or until the time-out `most`.
    pub fn wait(&self, expected: u32, most: Option<Duration>) -> Result<()> {
        let time = most.map(|most| libc::timespec {
            tv_sec: most.as_secs() as libc::time_t,
            tv_nsec: libc::c_long::from(most.subsec_nanos() as i32),
        });
        let pointer = time
            .as_ref()
            .map_or(0, |time| ptr::addr_of!(*time) as usize);
        self.call(libc::FUTEX_WAIT, expected, pointer, &self.0, 0)
            .map(drop)
    }

    /// Wakes up to `most` waiters; returns how many it woke.
    pub fn wake(&self, most: u32) -> Result<i64> {
        self.call(libc::FUTEX_WAKE, most, 0, &self.0, 0)
    }

    /// Wakes up to `wake` waiters and moves up to `most` others to `other`; returns how many
    /// it woke or moved.
    pub fn requeue(&self, other: &Futex, wake: u32, most: usize) -> Result<i64> {
        self.call(libc::FUTEX_CMP_REQUEUE, wake, most, &other.0, 0)
    }

    pub fn lock_pi(&self) -> Result<()> {
        self.call(libc::FUTEX_LOCK_PI, 0, 0, &self.0, 0).map(drop)
    }

    pub fn unlock_pi(&self) -> Result<()> {
        self.call(libc::FUTEX_UNLOCK_PI, 0, 0, &self.0, 0).map(drop)
    }
}

/// Succeeds if the call failed with this error.
pub fn expect_error(errno: i32, result: Result<()>) -> Result<()> {
    match result {
        Err(_) if io::Error::last_os_error().raw_os_error() == Some(errno) => Ok(()),
        Err(error) => Err(error),
        Ok(()) => Err(Error::failed(format!("a call did not fail with {errno}"))),
    }
}

pub fn expect_again(result: Result<()>) -> Result<()> {
    expect_error(libc::EAGAIN, result)
}

/// An eventfd and an epoll descriptor that watches it.
pub struct Event {
    event: OwnedFd,
    epoll: OwnedFd,
}

impl Event {
    pub fn new() -> Result<Event> {
        // SAFETY: both descriptors are new and ours; the epoll_event is valid.
        unsafe {
            let event = checked(
                "eventfd",
                libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK),
            )?;
            let event = OwnedFd::from_raw_fd(event as RawFd);
            let epoll = checked("epoll_create1", libc::epoll_create1(libc::EPOLL_CLOEXEC))?;
            let epoll = OwnedFd::from_raw_fd(epoll as RawFd);
            let mut interest = libc::epoll_event {
                events: libc::EPOLLIN as u32,
                u64: 0,
            };
            let code = libc::epoll_ctl(
                epoll.as_raw_fd(),
                libc::EPOLL_CTL_ADD,
                event.as_raw_fd(),
                &mut interest,
            );
            checked("epoll_ctl", code)?;
            Ok(Event { event, epoll })
        }
    }

    /// Waits in epoll_wait; returns how often a signal interrupted the wait.
    pub fn wait(&self) -> Result<u32> {
        let mut interrupted = 0;
        let mut ready = libc::epoll_event { events: 0, u64: 0 };
        loop {
            // SAFETY: room for one event.
            match unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), &mut ready, 1, -1) } {
                1 => return Ok(interrupted),
                _ if is_interrupted() => interrupted += 1,
                _ => return Err(io::Error::last_os_error()).context("epoll_wait"),
            }
        }
    }

    /// Calls epoll_wait once, with the time-out `most`.
    pub fn poll(&self, most: Duration) -> Result<()> {
        let mut ready = libc::epoll_event { events: 0, u64: 0 };
        // SAFETY: room for one event.
        let code = unsafe {
            let ms = most.as_millis() as i32;
            libc::epoll_wait(self.epoll.as_raw_fd(), &mut ready, 1, ms)
        };
        checked("epoll_wait", code).map(drop)
    }

    /// Reads the eventfd, which resets it; an error (EAGAIN) when it was not raised.
    pub fn read(&self) -> Result<()> {
        let mut value = 0;
        // SAFETY: room for the value.
        let code = unsafe { libc::eventfd_read(self.event.as_raw_fd(), &mut value) };
        checked("read of the eventfd", code).map(drop)
    }

    pub fn raise(&self) -> Result<()> {
        // SAFETY: the descriptor is open.
        let code = unsafe { libc::eventfd_write(self.event.as_raw_fd(), 1) };
        checked("write to the eventfd", code).map(drop)
    }
}
