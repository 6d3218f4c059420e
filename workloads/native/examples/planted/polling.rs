//! A mode that asks again and again instead of sleeping.

use crate::params::Params;
use crate::sys::{self, Event};
use std::time::Duration;
use tracer_workloads::control::{Control, Measured};
use tracer_workloads::Result;

/// Path: driver asking an epoll descriptor 2,000 times with time-out 0 in vain, 10 times
/// with 1 ms in vain (asleep, timer), and 100 times when one event is ready. Between these
/// last it takes the event twice from a descriptor that does not block: the second receive
/// gets EAGAIN.
pub fn busy_poll(control: &mut Control, params: &mut Params) -> Result<Measured> {
    let empty = params.count("EMPTY", 2000)?;
    let timeouts = params.count("TIMEOUTS", 10)?;
    let ready = params.count("READY", 100)?;
    params.finish()?;
    let event = Event::new()?;
    let window = control.begin()?;
    for _ in 0..empty {
        event.ask(Duration::ZERO)?;
    }
    for _ in 0..timeouts {
        event.ask(Duration::from_millis(1))?;
    }
    for _ in 0..ready {
        event.raise()?;
        event.ask(Duration::from_millis(1000))?;
        event.take()?;
        sys::expect_again(event.take())?;
    }
    control.end(window)
}
