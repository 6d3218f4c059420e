//! Waking a thread with SIGUSR1.

use crate::sys::checked;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use tracer_workloads::Result;

static ARRIVED: AtomicBool = AtomicBool::new(false);

extern "C" fn handler(_: libc::c_int) {
    ARRIVED.store(true, Ordering::Relaxed);
}

/// Installs a handler that only sets a flag, without SA_RESTART: waits end with EINTR.
pub fn install_handler() -> Result<()> {
    // SAFETY: a sigaction of zeroes with an empty mask is valid, and so is the handler,
    // which only stores to an atomic.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as extern "C" fn(libc::c_int) as libc::sighandler_t;
        libc::sigemptyset(&mut action.sa_mask);
        let code = libc::sigaction(libc::SIGUSR1, &action, ptr::null_mut());
        checked("sigaction", code).map(drop)
    }
}

/// Blocks the signal on the calling thread (and those that it starts) outside of [`wait`], so
/// that it cannot arrive before the wait and be missed.
pub fn block() -> Result<()> {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the set.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), libc::SIGUSR1);
        let code = libc::sigprocmask(libc::SIG_BLOCK, set.as_ptr(), ptr::null_mut());
        checked("sigprocmask", code).map(drop)
    }
}

/// Waits in sigsuspend until the handler has run.
pub fn wait() {
    let mut none = MaybeUninit::uninit();
    while !ARRIVED.load(Ordering::Relaxed) {
        // SAFETY: sigemptyset initialises the set.
        unsafe {
            libc::sigemptyset(none.as_mut_ptr());
            libc::sigsuspend(none.as_ptr());
        }
    }
}

/// Sends the signal to one thread of this process.
pub fn send_to(tid: i32) -> Result<()> {
    // SAFETY: numbers only.
    let code = unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), tid, libc::SIGUSR1) };
    checked("tgkill", code).map(drop)
}
