//! How a program fails: one line on stderr and an exit code, never a panic.

use std::fmt::{self, Display};
use std::io;
use std::process::ExitCode;

/// Why a program ends without a result.
#[derive(Debug)]
pub enum Error {
    /// The command line is wrong; exit code 2.
    Usage(String),
    /// The system refused something, or the controlling process did; exit code 1.
    Failed(String),
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub fn usage(message: impl Into<String>) -> Self {
        Error::Usage(message.into())
    }

    pub fn failed(message: impl Into<String>) -> Self {
        Error::Failed(message.into())
    }

    fn exit_code(&self) -> u8 {
        match self {
            Error::Usage(_) => 2,
            Error::Failed(_) => 1,
        }
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Usage(message) | Error::Failed(message) => f.write_str(message),
        }
    }
}

/// Adds to an I/O error what was being done.
pub trait Context<T> {
    fn context(self, what: impl Display) -> Result<T>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, what: impl Display) -> Result<T> {
        self.map_err(|error| Error::Failed(format!("{what}: {error}")))
    }
}

/// The body of `main`: runs the program and turns its error into a line and an exit code.
pub fn run_main(program: &str, body: impl FnOnce() -> Result<()>) -> ExitCode {
    match body() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            use std::io::Write;
            // Not eprintln!, which panics if stderr is closed.
            let _ = writeln!(io::stderr(), "{program}: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
