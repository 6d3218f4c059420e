//! What the brigades without I/O have in common: a number passes through channels in memory,
//! and each member adds one to it.

use crate::load::Load;
use crate::{Error, Result};

/// Values that a channel between two members holds.
pub const CAPACITY: usize = 1;

/// Refuses more values in flight than the channels and the members hold together.
pub fn fit(load: Load, tasks: usize) -> Result<()> {
    let room = (tasks + 1) * CAPACITY + tasks;
    load.fit(room, &format!("{tasks} tasks and their channels hold"))
}

/// Checks that the value has passed through every member.
pub fn check(value: usize, tasks: usize) -> Result<()> {
    if value == tasks {
        return Ok(());
    }
    Err(Error::failed(format!(
        "the value that came out is {value}, but {tasks} tasks added one each"
    )))
}

/// The error when a channel is closed before the value has arrived.
pub fn broken() -> Error {
    Error::failed("a task of the brigade ended too early")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_number_of_tasks_is_right() {
        assert!(check(3, 3).is_ok());
        assert!(check(2, 3).unwrap_err().to_string().contains("is 2"));
    }

    #[test]
    fn room_is_counted() {
        let load = |tokens| Load { tokens, steps: 0 };
        assert!(fit(load(7), 3).is_ok());
        assert!(fit(load(8), 3).is_err());
    }
}
