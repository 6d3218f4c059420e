//! A mode that polls instead of sleeping.

use crate::params::Params;
use crate::sys::{self, Event};
use std::time::Duration;
use tracer_workloads::control::{Control, Measured};
use tracer_workloads::Result;

/// Path: driver calling epoll_wait 2,000 times with time-out 0 and no event, 10 times with
/// 1 ms and no event (asleep, timer), and 100 times with one event ready. After each of the
/// last it reads the event twice from a non-blocking descriptor: the second read gets EAGAIN.
pub fn busy_poll(control: &mut Control, params: &mut Params) -> Result<Measured> {
    let empty = params.count("EMPTY", 2000)?;
    let timeouts = params.count("TIMEOUTS", 10)?;
    let ready = params.count("READY", 100)?;
    params.finish()?;
    let event = Event::new()?;
    let window = control.begin()?;
    for _ in 0..empty {
        event.poll(Duration::ZERO)?;
    }
    for _ in 0..timeouts {
        event.poll(Duration::from_millis(1))?;
    }
    for _ in 0..ready {
        event.raise()?;
        event.poll(Duration::from_millis(1000))?;
        event.read()?;
        sys::expect_again(event.read())?;
    }
    control.end(window)
}
