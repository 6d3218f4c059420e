//! Modes that make known futex calls.

use crate::crew::Crew;
use crate::gate::Gate;
use crate::params::Params;
use crate::sys::{self, Futex};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tracer_workloads::control::{Control, Measured};
use tracer_workloads::{Error, Result};

const WAITERS: usize = 8;

/// Path: driver making futex calls; the last thread that it wakes, directly or after a
/// requeue, opens a pipe on which the driver sleeps.
///
/// With TIMES and TIMEOUTS as given, each counted by what the call returns:
/// - TIMES wakes that wake nobody, TIMES waits whose value does not match (EAGAIN), TIMES
///   locks and unlocks of a free PI lock;
/// - TIMEOUTS waits of 1 ms that time out;
/// - one CMP_REQUEUE that wakes 1 of 8 threads `waiter` and moves 7, one WAKE that wakes those;
/// - one UNLOCK_PI that hands the lock to a thread `pi`, asleep in LOCK_PI, which unlocks it.
pub fn futex_calls(control: &mut Control, params: &mut Params) -> Result<Measured> {
    let times = params.count("TIMES", 100)?;
    let timeouts = params.count("TIMEOUTS", 10)?;
    params.finish()?;
    let (first, second) = (Arc::new(Futex::default()), Arc::new(Futex::default()));
    let (alone, lock) = (Futex::default(), Arc::new(Futex::default()));
    let done = Gate::new()?;
    let mut crew = Crew::default();
    for _ in 0..WAITERS {
        let (first, done) = (first.clone(), done.clone());
        crew.start("waiter", move || {
            first.wait(0, None)?;
            done.open()
        })?;
    }
    lock.lock_pi()?;
    crew.start("pi", {
        let (lock, done) = (lock.clone(), done.clone());
        move || {
            lock.lock_pi()?;
            lock.unlock_pi()?;
            done.open()
        }
    })?;
    crew.settle()?;

    let window = control.begin()?;
    let free = Futex::default();
    for _ in 0..times {
        expect(alone.wake(1)?, 0)?;
        sys::expect_again(alone.wait(1, None))?;
        free.lock_pi()?;
        free.unlock_pi()?;
    }
    for _ in 0..timeouts {
        sys::expect_error(
            libc::ETIMEDOUT,
            alone.wait(0, Some(Duration::from_millis(1))),
        )?;
    }
    expect(
        first.requeue(&second, 1, i32::MAX as usize)?,
        WAITERS as i64,
    )?;
    expect(second.wake(i32::MAX as u32)?, WAITERS as i64 - 1)?;
    lock.unlock_pi()?;
    for _ in 0..=WAITERS {
        done.wait()?;
    }
    let measured = control.end(window)?;
    crew.join()?;
    Ok(measured)
}

fn expect(found: i64, planted: i64) -> Result<()> {
    if found == planted {
        return Ok(());
    }
    Err(Error::failed(format!(
        "the kernel answered {found} and not {planted}"
    )))
}

/// Path: four threads `worker` taking one std mutex TIMES times each; which of them, and
/// how often it has to sleep for it, is the scheduler's choice.
pub fn std_mutex(control: &mut Control, params: &mut Params) -> Result<Measured> {
    let times = params.count("TIMES", 2000)?;
    params.finish()?;
    let total = Arc::new(Mutex::new(0u64));
    let (start, done) = (Gate::new()?, Gate::new()?);
    let mut crew = Crew::default();
    for number in 1..=4 {
        let (total, start, done) = (total.clone(), start.clone(), done.clone());
        crew.start(&format!("worker-{number}"), move || {
            start.wait()?;
            for _ in 0..times {
                let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
                for _ in 0..200 {
                    *total = std::hint::black_box(*total + 1);
                }
            }
            done.open()
        })?;
    }
    crew.settle()?;

    let window = control.begin()?;
    for _ in 0..4 {
        start.open()?;
    }
    for _ in 0..4 {
        done.wait()?;
    }
    let measured = control.end(window)?;
    crew.join()?;
    expect(
        *total.lock().unwrap_or_else(PoisonError::into_inner) as i64,
        4 * 200 * times as i64,
    )?;
    Ok(measured)
}
