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
    // On the heap; the words that no other thread uses are on the stack.
    let (first, second) = (Arc::new(Futex::default()), Arc::new(Futex::default()));
    let lock = Arc::new(Futex::default());
    let done = Gate::new()?;
    let mut crew = Crew::default();
    lock.lock_pi()?;
    start_waiters(&mut crew, &first, &lock, &done)?;
    crew.settle()?;

    let window = control.begin()?;
    uncontended(times, timeouts)?;
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

/// The threads that sleep on `first` and the one that sleeps on `lock`; each opens `done` once.
fn start_waiters(
    crew: &mut Crew,
    first: &Arc<Futex>,
    lock: &Arc<Futex>,
    done: &Gate,
) -> Result<()> {
    for _ in 0..WAITERS {
        let (first, done) = (first.clone(), done.clone());
        crew.start("waiter", move || {
            first.wait(0, None)?;
            done.open()
        })?;
    }
    let (lock, done) = (lock.clone(), done.clone());
    crew.start("pi", move || {
        lock.lock_pi()?;
        lock.unlock_pi()?;
        done.open()
    })
}

/// The calls on words that no other thread uses.
fn uncontended(times: u64, timeouts: u64) -> Result<()> {
    let (word, lock) = (Futex::default(), Futex::default());
    for _ in 0..times {
        expect(word.wake(1)?, 0)?;
        sys::expect_again(word.wait(1, None))?;
        lock.lock_pi()?;
        lock.unlock_pi()?;
    }
    let length = Some(Duration::from_millis(1));
    for _ in 0..timeouts {
        sys::expect_error(libc::ETIMEDOUT, word.wait(0, length))?;
    }
    Ok(())
}

fn expect(returned: i64, planted: i64) -> Result<()> {
    if returned == planted {
        return Ok(());
    }
    Err(Error::failed(format!(
        "a futex call returned {returned}, expected {planted}"
    )))
}

/// Path: four threads `worker` taking one std mutex TIMES times each; which of them is on the
/// path, and how often it sleeps for the mutex, depends on the scheduler.
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
