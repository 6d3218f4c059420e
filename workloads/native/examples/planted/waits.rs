//! Modes whose subject is how one thread waits or computes.

use crate::compute::compute;
use crate::crew::Crew;
use crate::gate::Gate;
use crate::params::Params;
use crate::sys;
use tracer_workloads::control::{Control, Measured};
use tracer_workloads::Result;

/// Path: thread `sleeper` 200 ms asleep (timer), wakes the driver through a pipe;
/// driver 100 ms computing. The path has the sleeper's 200 ms, not the driver's in read.
pub fn sleep_then_compute(control: &mut Control, params: &mut Params) -> Result<Measured> {
    let asleep = params.ms("SLEEP", 200)?;
    let computing = params.ms("COMPUTE", 100)?;
    params.finish()?;
    let (start, done) = (Gate::new()?, Gate::new()?);
    let mut crew = Crew::default();
    crew.start("sleeper", {
        let (start, done) = (start.clone(), done.clone());
        move || {
            start.wait()?;
            sys::sleep(asleep);
            done.open()
        }
    })?;
    crew.settle()?;

    let window = control.begin()?;
    start.open()?;
    done.wait()?;
    compute(computing);
    let measured = control.end(window)?;
    crew.join()?;
    Ok(measured)
}

/// Path: driver blocked in read on standard input for as long as somebody outside
/// takes to write a byte; driver 50 ms computing.
pub fn external_wake(control: &mut Control, params: &mut Params) -> Result<Measured> {
    let computing = params.ms("COMPUTE", 50)?;
    params.finish()?;
    let window = control.begin()?;
    sys::read_byte(libc::STDIN_FILENO)?;
    compute(computing);
    control.end(window)
}

/// Path: driver 5 x 20 ms asleep (timer); driver 50 ms computing.
pub fn timer_sleep(control: &mut Control, params: &mut Params) -> Result<Measured> {
    let asleep = params.ms("SLEEP", 20)?;
    let computing = params.ms("COMPUTE", 50)?;
    params.finish()?;
    let window = control.begin()?;
    for _ in 0..5 {
        sys::sleep(asleep);
    }
    compute(computing);
    control.end(window)
}

/// Path: driver 200 ms computing; longer by its wait for a CPU when another process wants
/// the same one.
pub fn compute_only(control: &mut Control, params: &mut Params) -> Result<Measured> {
    let computing = params.ms("COMPUTE", 200)?;
    params.finish()?;
    let window = control.begin()?;
    compute(computing);
    control.end(window)
}
