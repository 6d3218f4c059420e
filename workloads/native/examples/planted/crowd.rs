//! Modes with wake-ups that are not one to one.

use crate::compute::compute;
use crate::crew::Crew;
use crate::gate::Gate;
use crate::params::Params;
use crate::signals;
use crate::sys::{self, Event};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tracer_workloads::clock::thread_id;
use tracer_workloads::control::{Control, Measured};
use tracer_workloads::{Error, Result};

const CROWD: usize = 32;

/// Path: driver 20 ms computing, wakes 32 threads `crowd` with one call; these compute
/// 1 ms each, so on N CPUs 32 / N ms, most of it waiting for a CPU; the last of them to exit
/// wakes the driver, which does nothing more.
pub fn broadcast_futex(control: &mut Control, params: &mut Params) -> Result<Measured> {
    let before = params.ms("BEFORE", 20)?;
    let each = params.ms("EACH", 1)?;
    params.finish()?;
    let word = Arc::new(AtomicU32::new(0));
    let mut crew = Crew::default();
    for _ in 0..CROWD {
        let word = Arc::clone(&word);
        crew.start("crowd", move || {
            sys::futex_wait(&word);
            compute(each);
            Ok(())
        })?;
    }
    crew.settle()?;

    let window = control.begin()?;
    compute(before);
    sys::futex_wake(&word, i32::MAX)?;
    crew.join()?;
    control.end(window)
}

/// Path: thread `other` 60 ms computing, wakes the driver through an eventfd; driver
/// 20 ms computing. Meanwhile thread `noise` wakes the driver every 10 ms by a signal:
/// the driver only goes back to epoll_wait, so these wake-ups are not on the path.
pub fn spurious(control: &mut Control, params: &mut Params) -> Result<Measured> {
    let other = params.ms("OTHER", 60)?;
    let every = params.ms("EVERY", 10)?;
    let own = params.ms("OWN", 20)?;
    params.finish()?;
    signals::install_handler()?;
    let event = Arc::new(Event::new()?);
    let is_over = Arc::new(AtomicBool::new(false));
    let (other_start, noise_start) = (Gate::new()?, Gate::new()?);
    let mut crew = Crew::default();
    crew.start("other", {
        let (start, event, is_over) = (other_start.clone(), event.clone(), is_over.clone());
        move || {
            start.wait()?;
            compute(other);
            // Before the wake-up, so that no signal interrupts the driver's computation.
            is_over.store(true, Ordering::Release);
            event.raise()
        }
    })?;
    let driver = thread_id();
    crew.start("noise", {
        let start = noise_start.clone();
        move || start.wait().and_then(|()| disturb(driver, every, &is_over))
    })?;
    crew.settle()?;

    let window = control.begin()?;
    other_start.open()?;
    noise_start.open()?;
    let interrupted = event.wait()?;
    compute(own);
    let measured = control.end(window)?;
    crew.join()?;
    if interrupted == 0 && other > every * 2 {
        return Err(Error::failed("no signal has interrupted the wait"));
    }
    Ok(measured)
}

/// Sends the signal to a thread once in each period, until it is over.
fn disturb(tid: i32, every: Duration, is_over: &AtomicBool) -> Result<()> {
    loop {
        sys::sleep(every);
        if is_over.load(Ordering::Acquire) {
            return Ok(());
        }
        signals::send_to(tid)?;
    }
}
