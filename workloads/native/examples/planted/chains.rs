//! Modes whose path leads through several threads, one after the other.

use crate::compute::compute;
use crate::crew::{self, Crew};
use crate::gate::Gate;
use crate::params::Params;
use std::time::Duration;
use tracer_workloads::control::{Control, Measured};
use tracer_workloads::Result;

/// Path: threads `long-1`, `long-2`, `long-3` 50 ms computing each, handing over through
/// pipes; driver only waits. Meanwhile thread `short` computes its 50 ms on another CPU and
/// is not on the path, although the driver waits for it first.
pub fn two_chains(control: &mut Control, params: &mut Params) -> Result<Measured> {
    let short = params.ms("SHORT", 50)?;
    let each = params.ms("EACH", 50)?;
    params.finish()?;
    let mut crew = Crew::default();
    let (short_start, short_done) = chain(&mut crew, &["short"], short)?;
    let (long_start, long_done) = chain(&mut crew, &["long-1", "long-2", "long-3"], each)?;
    crew.settle()?;

    let window = control.begin()?;
    long_start.open()?;
    short_start.open()?;
    short_done.wait()?;
    long_done.wait()?;
    let measured = control.end(window)?;
    crew.join()?;
    Ok(measured)
}

/// Threads that compute one after the other; returns the first gate and the last.
fn chain(crew: &mut Crew, names: &[&str], each: Duration) -> Result<(Gate, Gate)> {
    let first = Gate::new()?;
    let mut last = first.clone();
    for name in names {
        let next = Gate::new()?;
        let (own, following) = (last, next.clone());
        crew.start(name, move || {
            own.wait()?;
            compute(each);
            following.open()
        })?;
        last = next;
    }
    Ok((first, last))
}

/// Path: driver 30 ms computing, starts thread `inner`; `inner` 60 ms computing, its exit
/// wakes the driver, which does nothing more. The thread does not exist before.
pub fn thread_in_window(control: &mut Control, params: &mut Params) -> Result<Measured> {
    let own = params.ms("OWN", 30)?;
    let inner = params.ms("THREAD", 60)?;
    params.finish()?;
    let window = control.begin()?;
    compute(own);
    let thread = crew::start("inner", move || {
        compute(inner);
        Ok(())
    })?;
    crew::join(thread)?;
    control.end(window)
}
