//! Modes whose subject is a process: exec, stop, fork.

use crate::compute::compute;
use crate::crew::Crew;
use crate::params::Params;
use crate::sys::{self, checked};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;
use tracer_workloads::control::{Control, Measured, Window};
use tracer_workloads::error::Context;
use tracer_workloads::{Error, Result};

/// Carries the open window into the new image.
const WINDOW: &str = "PLANTED_WINDOW";

/// Path: thread `execer` calls exec, which ends the main thread in its wait and gives its tid
/// to `execer`; the new image 60 ms computing, and it sends `end`. The exec itself takes a
/// millisecond or so.
pub fn exec_non_leader(control: &mut Control, params: &mut Params) -> Result<Measured> {
    let computing = params.ms("COMPUTE", 60)?;
    params.finish()?;
    let (read, write) = sys::pipe()?;
    let (mut read, mut write) = (File::from(read), File::from(write));
    control.keep_over_exec()?;
    let mut crew = Crew::default();
    crew.start("execer", move || {
        let mut window = [0; 512];
        let length = read.read(&mut window).context("read the window")?;
        let window = String::from_utf8_lossy(&window[..length]).into_owned();
        Err(exec_self(&window, computing))
    })?;
    crew.settle()?;

    let window = control.begin()?;
    write
        .write_all(window.to_text().as_bytes())
        .context("hand over the window")?;
    // Does not return: the exec ends this thread.
    crew.join()?;
    Err(Error::failed("the new image was not started"))
}

fn exec_self(window: &str, computing: Duration) -> Error {
    let error = Command::new("/proc/self/exe")
        .arg("exec-tail")
        .arg(computing.as_millis().to_string())
        .env(WINDOW, window)
        .exec();
    Error::failed(format!("exec: {error}"))
}

/// The second half of `exec-non-leader`; not a mode of its own.
pub fn exec_tail(control: &mut Control, params: &mut Params) -> Result<Measured> {
    let computing = params.ms("COMPUTE", 60)?;
    params.finish()?;
    let text = std::env::var(WINDOW)
        .map_err(|_| Error::usage("exec-tail is started by exec-non-leader only"))?;
    let window = Window::from_text(&text)?;
    compute(computing);
    control.end(window)
}

/// Path: driver 40 ms computing, stops its own process; stopped for as long as somebody
/// outside takes to send SIGCONT; driver 40 ms computing.
pub fn stopped(control: &mut Control, params: &mut Params) -> Result<Measured> {
    let before = params.ms("BEFORE", 40)?;
    let after = params.ms("AFTER", 40)?;
    params.finish()?;
    let window = control.begin()?;
    compute(before);
    // SAFETY: numbers only.
    checked("kill", unsafe { libc::kill(libc::getpid(), libc::SIGSTOP) })?;
    compute(after);
    control.end(window)
}

/// Path: driver forks; the child 50 ms computing, its exit wakes the driver, which waits
/// in waitpid and does nothing more.
pub fn fork_child(control: &mut Control, params: &mut Params) -> Result<Measured> {
    let computing = params.ms("CHILD", 50)?;
    params.finish()?;
    let window = control.begin()?;
    // SAFETY: this process has one thread, so the child's copy of it is consistent.
    let child = checked("fork", unsafe { libc::fork() })? as libc::pid_t;
    if child == 0 {
        compute(computing);
        // SAFETY: ends the child without running the parent's exit handlers.
        unsafe { libc::_exit(0) };
    }
    let mut status = 0;
    // SAFETY: `status` is valid for writing.
    let waited = unsafe { libc::waitpid(child, &mut status, 0) };
    checked("waitpid", waited)?;
    if status != 0 {
        return Err(Error::failed(format!(
            "the child ended with status {status}"
        )));
    }
    control.end(window)
}
