//! The joint between two neighbours of a brigade, a socket pair or a pipe, with blocking ends.

use crate::error::Context;
use crate::limits::{explain, Making};
use crate::load::Load;
use crate::{args, Result};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

/// The lines of `--help` about the option below.
pub const HELP: &str =
    "  --transport T  what joins two tasks: socketpair (Unix) or pipe [socketpair]
";

/// The measurement of a joint's capacity stops here.
const MOST_ROOM: usize = 1 << 20;

/// The option `--transport`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transport {
    #[default]
    Socketpair,
    Pipe,
}

impl Transport {
    /// Reads the option if it is this one; says whether it was.
    pub fn take(&mut self, name: &str, parser: &mut lexopt::Parser) -> Result<bool> {
        if name != "transport" {
            return Ok(false);
        }
        let accepted = [
            ("socketpair", Transport::Socketpair),
            ("pipe", Transport::Pipe),
        ];
        let value = args::value(parser, "--transport", "socketpair or pipe")?;
        *self = args::one_of("--transport", value, &accepted)?;
        Ok(true)
    }

    /// A new joint: the end to read from and the end to write to.
    pub fn join(self) -> io::Result<(End, End)> {
        match self {
            Transport::Socketpair => {
                UnixStream::pair().map(|(read, write)| (End::Socket(read), End::Socket(write)))
            }
            Transport::Pipe => {
                let (read, write) = pipe(0)?;
                Ok((End::Pipe(read.into()), End::Pipe(write.into())))
            }
        }
    }

    /// A row of joints: the driver's front and back, and the two ends of each member.
    pub fn row(self, tasks: usize) -> Result<(End, End, Vec<Member>)> {
        let no_joints = |error| explain(Making::Sockets, tasks, &error);
        let (mut back, front) = self.join().map_err(no_joints)?;
        let mut members = Vec::with_capacity(tasks);
        for _ in 0..tasks {
            let (next_back, downstream) = self.join().map_err(no_joints)?;
            members.push((std::mem::replace(&mut back, next_back), downstream));
        }
        Ok((front, back, members))
    }

    /// Refuses more tokens than one joint holds.
    pub fn fit(self, load: Load) -> Result<()> {
        match load.tokens {
            1 => Ok(()),
            _ => load.fit(self.capacity()?, "a joint of this transport holds"),
        }
    }

    /// How many bytes, written one by one, a joint takes before one is read. It is measured,
    /// because a socket charges its buffer with an sk_buff for each write.
    fn capacity(self) -> Result<usize> {
        let (_read, mut write) = self.join().context("make a joint")?;
        let fd = write.as_raw_fd();
        // SAFETY: changes a flag of our own descriptor.
        unsafe { libc::fcntl(fd, libc::F_SETFL, libc::O_NONBLOCK) };
        let mut taken = 0;
        while taken < MOST_ROOM && matches!(write.write(b"*"), Ok(1)) {
            taken += 1;
        }
        Ok(taken)
    }
}

/// A member's two ends: the one to read from and the one to write to.
pub type Member = (End, End);

/// The two ends of a pipe, closed on exec: to read from, to write to.
pub fn pipe(flags: libc::c_int) -> io::Result<(OwnedFd, OwnedFd)> {
    let mut fds = [0; 2];
    // SAFETY: `fds` is valid for writing, and on success both are ours alone.
    unsafe {
        if libc::pipe2(fds.as_mut_ptr(), flags | libc::O_CLOEXEC) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok((OwnedFd::from_raw_fd(fds[0]), OwnedFd::from_raw_fd(fds[1])))
    }
}

/// A blocking end. A socket is used with recv and send, a pipe with read and write.
#[derive(Debug)]
pub enum End {
    Socket(UnixStream),
    Pipe(File),
}

impl AsRawFd for End {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            End::Socket(socket) => socket.as_raw_fd(),
            End::Pipe(pipe) => pipe.as_raw_fd(),
        }
    }
}

impl Read for End {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            End::Socket(socket) => socket.read(buffer),
            End::Pipe(pipe) => pipe.read(buffer),
        }
    }
}

impl Write for End {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            End::Socket(socket) => socket.write(bytes),
            End::Pipe(pipe) => pipe.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_carry_bytes_and_end() {
        for transport in [Transport::Socketpair, Transport::Pipe] {
            let (mut read, mut write) = transport.join().unwrap();
            write.write_all(b"ab").unwrap();
            drop(write);
            let mut all = String::new();
            read.read_to_string(&mut all).unwrap();
            assert_eq!(all, "ab");
        }
    }

    #[test]
    fn a_pipe_takes_its_pages_and_a_socket_fewer() {
        assert_eq!(Transport::Pipe.capacity().unwrap(), 65536);
        let room = Transport::Socketpair.capacity().unwrap();
        assert!((16..MOST_ROOM).contains(&room), "{room}");
    }

    #[test]
    fn words() {
        let mut transport = Transport::default();
        let mut parser = lexopt::Parser::from_args(["--transport", "pipe"]);
        parser.next().unwrap();
        assert!(transport.take("transport", &mut parser).unwrap());
        assert_eq!(transport, Transport::Pipe);
        assert!(!transport.take("tasks", &mut parser).unwrap());
    }
}
