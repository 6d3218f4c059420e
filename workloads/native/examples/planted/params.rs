//! The command line: a mode and its parameters, each of which has a default.

use std::ffi::OsString;
use std::time::Duration;
use tracer_workloads::{args, Error, Result};

const MOST_MS: u64 = 3_600_000;
const MOST_TIMES: u64 = 1_000_000_000;

/// The words after the mode; the mode takes them one by one.
pub struct Params {
    words: std::vec::IntoIter<OsString>,
}

impl Params {
    pub fn from_command_line() -> Result<(OsString, Params)> {
        let mut words = std::env::args_os().skip(1).collect::<Vec<_>>().into_iter();
        let mode = words
            .next()
            .ok_or_else(|| Error::usage("a mode is needed; --help lists the modes"))?;
        Ok((mode, Params { words }))
    }

    /// The next word, which must be given.
    pub fn word<T: Copy>(&mut self, name: &str, accepted: &[(&str, T)]) -> Result<T> {
        let value = self.words.next().unwrap_or_default();
        args::one_of(name, value, accepted)
    }

    /// The next duration, or the default one.
    pub fn ms(&mut self, name: &str, default: u64) -> Result<Duration> {
        let ms = match self.words.next() {
            Some(value) => args::whole_number(name, value, 1, MOST_MS)?,
            None => default,
        };
        Ok(Duration::from_millis(ms))
    }

    /// The next count, or the default one.
    pub fn count(&mut self, name: &str, default: u64) -> Result<u64> {
        match self.words.next() {
            Some(value) => args::whole_number(name, value, 1, MOST_TIMES),
            None => Ok(default),
        }
    }

    /// Call this when the mode has taken all its parameters.
    pub fn finish(&mut self) -> Result<()> {
        match self.words.next() {
            Some(value) => Err(Error::usage(format!(
                "{value:?} is one parameter too many; --help lists what is accepted"
            ))),
            None => Ok(()),
        }
    }
}
