//! The protocol that tells a controlling process when the measured part starts and ends.
//!
//! With TRACER_CONTROL_FD set to the number of an inherited Unix stream socket:
//!
//! ```text
//! workload: begin <tid> <monotonic ns>     everything is set up and warmed up
//! control:  go
//! workload: ... the measured part ...
//! workload: end <tid> <monotonic ns>
//! control:  go
//! workload: ... ends its threads or tasks ...
//! workload: result {json}
//! ```
//!
//! `begin` and `end` are sent with one call each, by the thread that drives the workload,
//! so that the controlling process can also find the edges of the measured part in a
//! trace of system calls. Without the variable nothing is sent and only the times are taken.

use crate::clock::{monotonic_ns, thread_id};
use crate::rusage::Usage;
use crate::{Error, Result};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

pub const VARIABLE: &str = "TRACER_CONTROL_FD";

/// The answer that allows the workload to go on.
const GO: &[u8] = b"go\n";

/// The workload's side of the protocol.
#[derive(Debug)]
pub struct Control {
    socket: Option<OwnedFd>,
}

/// An open measured part: when it started, and the usage up to then.
#[derive(Debug, PartialEq, Eq)]
pub struct Window {
    tid: i32,
    started_ns: u64,
    usage: Usage,
}

/// A closed measured part: how long it took and what it used.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    pub elapsed_ns: u64,
    pub usage: Usage,
}

impl Control {
    /// Takes over the socket that the environment names. Call it once, before anything
    /// else is opened.
    pub fn from_env() -> Result<Control> {
        let Some(value) = std::env::var_os(VARIABLE) else {
            return Ok(Control { socket: None });
        };
        let fd = value.to_str().and_then(parse_fd).ok_or_else(|| {
            Error::failed(format!("{VARIABLE}={value:?} is not a descriptor number"))
        })?;
        check_socket(fd)?;
        set_cloexec(fd, true)?;
        // SAFETY: the descriptor is open, and the variable hands it to this process
        // for this use only.
        let socket = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Control {
            socket: Some(socket),
        })
    }

    pub fn is_controlled(&self) -> bool {
        self.socket.is_some()
    }

    /// The socket's descriptor, for a child that has to close its copy.
    pub fn descriptor(&self) -> Option<RawFd> {
        self.socket.as_ref().map(AsRawFd::as_raw_fd)
    }

    /// Announces the measured part and waits until it may start. Call it on the thread that
    /// drives the workload.
    pub fn begin(&mut self) -> Result<Window> {
        let tid = thread_id();
        let usage = Usage::now();
        self.announce("begin", tid, monotonic_ns())?;
        Ok(Window {
            tid,
            started_ns: monotonic_ns(),
            usage,
        })
    }

    /// Announces the end of the measured part and waits until the workload may go on. Call it
    /// on the thread that called `begin`.
    pub fn end(&mut self, window: Window) -> Result<Measured> {
        let ended_ns = monotonic_ns();
        self.announce("end", window.tid, ended_ns)?;
        Ok(Measured {
            elapsed_ns: ended_ns - window.started_ns,
            usage: Usage::now().since(window.usage),
        })
    }

    /// Sends the result, if there is a controlling process.
    pub fn result(&mut self, json: &str) -> Result<()> {
        let Some(socket) = &self.socket else {
            return Ok(());
        };
        let line = format!("result {json}\n");
        let mut rest = line.as_bytes();
        while !rest.is_empty() {
            let sent = send(socket.as_raw_fd(), rest)?;
            rest = &rest[sent..];
        }
        Ok(())
    }

    /// Leaves the socket open across an exec; the new image takes it over with `from_env`.
    pub fn keep_over_exec(&self) -> Result<()> {
        match &self.socket {
            Some(socket) => set_cloexec(socket.as_raw_fd(), false),
            None => Ok(()),
        }
    }

    fn announce(&mut self, word: &str, tid: i32, ns: u64) -> Result<()> {
        let Some(socket) = &self.socket else {
            return Ok(());
        };
        let mut buffer = [0u8; 64];
        let message = message(&mut buffer, word, tid, ns);
        if send(socket.as_raw_fd(), message)? != message.len() {
            return Err(Error::failed(format!(
                "control socket: took only a part of `{word}`"
            )));
        }
        wait_for_go(socket.as_raw_fd())
    }
}

impl Window {
    /// As text, to carry the window across an exec.
    pub fn to_text(&self) -> String {
        let u = &self.usage;
        format!(
            "{} {} {} {} {} {} {} {}",
            self.started_ns,
            u.user_ns,
            u.system_ns,
            u.max_rss_bytes,
            u.minor_faults,
            u.major_faults,
            u.voluntary,
            u.involuntary
        )
    }

    /// The inverse of `to_text`; the calling thread becomes the driver.
    pub fn from_text(text: &str) -> Result<Window> {
        let numbers: Option<Vec<u64>> = text.split(' ').map(|number| number.parse().ok()).collect();
        match numbers.as_deref() {
            Some(
                &[started_ns, user_ns, system_ns, max_rss_bytes, minor_faults, major_faults, voluntary, involuntary],
            ) => Ok(Window {
                tid: thread_id(),
                started_ns,
                usage: Usage {
                    user_ns,
                    system_ns,
                    max_rss_bytes,
                    minor_faults,
                    major_faults,
                    voluntary,
                    involuntary,
                },
            }),
            _ => Err(Error::failed(format!("{text:?} is not a window"))),
        }
    }
}

fn parse_fd(text: &str) -> Option<RawFd> {
    text.parse().ok().filter(|&fd: &RawFd| fd >= 0)
}

/// Builds an announcement without allocating, for `end` is built inside the measured part.
fn message<'a>(buffer: &'a mut [u8; 64], word: &str, tid: i32, ns: u64) -> &'a [u8] {
    let mut rest = &mut buffer[..];
    // At most 5 + 1 + 11 + 1 + 20 + 1 bytes, so this cannot fail.
    let _ = writeln!(rest, "{word} {tid} {ns}");
    let used = 64 - rest.len();
    &buffer[..used]
}

fn wait_for_go(fd: RawFd) -> Result<()> {
    let mut answer = [0u8; GO.len()];
    let mut have = 0;
    while have < GO.len() {
        // SAFETY: the pointer and the length describe the unfilled part of `answer`.
        let count = unsafe { libc::read(fd, answer[have..].as_mut_ptr().cast(), GO.len() - have) };
        match count {
            0 => {
                return Err(Error::failed(
                    "control socket: closed by the other side, expected `go`",
                ))
            }
            count if count > 0 => have += count as usize,
            _ => retry_if_interrupted("read from the control socket")?,
        }
        if !GO.starts_with(&answer[..have]) {
            return Err(Error::failed(format!(
                "control socket: expected `go`, received {:?}",
                String::from_utf8_lossy(&answer[..have])
            )));
        }
    }
    Ok(())
}

/// Uses sendmsg, which no workload calls in its measured part: a tracer recognises it by the
/// system call's number, without reading the descriptor of each write.
fn send(fd: RawFd, bytes: &[u8]) -> Result<usize> {
    let mut part = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    // SAFETY: all zero is an empty message.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &mut part;
    message.msg_iovlen = 1;
    loop {
        // SAFETY: the message describes `bytes`, and the call only reads them.
        let sent = unsafe { libc::sendmsg(fd, &message, libc::MSG_NOSIGNAL) };
        if sent >= 0 {
            return Ok(sent as usize);
        }
        retry_if_interrupted("write to the control socket")?;
    }
}

fn retry_if_interrupted(what: &str) -> Result<()> {
    let error = io::Error::last_os_error();
    match error.kind() {
        io::ErrorKind::Interrupted => Ok(()),
        _ => Err(Error::failed(format!("{what}: {error}"))),
    }
}

/// Refuses a wrong descriptor at the start, where the error can name the variable.
fn check_socket(fd: RawFd) -> Result<()> {
    let option = |name| -> io::Result<libc::c_int> {
        let mut value: libc::c_int = 0;
        let mut length = std::mem::size_of_val(&value) as libc::socklen_t;
        // SAFETY: `value` and `length` are valid for writing and agree with each other.
        let code = unsafe {
            libc::getsockopt(
                fd,
                libc::SOL_SOCKET,
                name,
                std::ptr::addr_of_mut!(value).cast(),
                &mut length,
            )
        };
        if code == 0 {
            Ok(value)
        } else {
            Err(io::Error::last_os_error())
        }
    };
    match (option(libc::SO_DOMAIN), option(libc::SO_TYPE)) {
        (Ok(libc::AF_UNIX), Ok(libc::SOCK_STREAM)) => Ok(()),
        (Err(error), _) | (_, Err(error)) => {
            Err(Error::failed(format!("{VARIABLE}={fd}: {error}")))
        }
        _ => Err(Error::failed(format!(
            "{VARIABLE}={fd}: not a Unix stream socket"
        ))),
    }
}

fn set_cloexec(fd: RawFd, on: bool) -> Result<()> {
    let flags = if on { libc::FD_CLOEXEC } else { 0 };
    // SAFETY: changes a flag of a descriptor, no memory is involved.
    if unsafe { libc::fcntl(fd, libc::F_SETFD, flags) } == 0 {
        return Ok(());
    }
    Err(Error::failed(format!(
        "{VARIABLE}={fd}: {}",
        io::Error::last_os_error()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    fn pair() -> (Control, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let socket = Some(OwnedFd::from(ours));
        (Control { socket }, theirs)
    }

    #[test]
    fn descriptor_numbers() {
        assert_eq!(parse_fd("7"), Some(7));
        for bad in ["", "-1", "x", "7 ", "99999999999"] {
            assert_eq!(parse_fd(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_longest_message_fits() {
        let mut buffer = [0; 64];
        assert_eq!(message(&mut buffer, "end", 12, 345), b"end 12 345\n");
        let longest = message(&mut buffer, "begin", i32::MIN, u64::MAX);
        assert!(longest.ends_with(b" 18446744073709551615\n"));
    }

    #[test]
    fn only_unix_stream_sockets_are_taken() {
        let (stream, _other) = UnixStream::pair().unwrap();
        assert!(check_socket(stream.as_raw_fd()).is_ok());
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(check_socket(file.as_raw_fd()).is_err());
        let datagram = std::os::unix::net::UnixDatagram::unbound().unwrap();
        assert!(check_socket(datagram.as_raw_fd()).is_err());
    }

    #[test]
    fn whole_conversation() {
        let (mut control, mut other) = pair();
        // The answers may be written beforehand: the socket buffers them.
        other.write_all(b"go\ngo\n").unwrap();
        let window = control.begin().unwrap();
        let measured = control.end(window).unwrap();
        control.result("{}").unwrap();
        drop(control);
        let mut said = String::new();
        other.read_to_string(&mut said).unwrap();
        let lines: Vec<&str> = said.lines().collect();
        let tid = thread_id().to_string();
        assert!(lines[0].starts_with(&format!("begin {tid} ")));
        assert!(lines[1].starts_with(&format!("end {tid} ")));
        assert_eq!(lines[2], "result {}");
        let ns = |line: &str| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap();
        assert!(measured.elapsed_ns <= ns(lines[1]) - ns(lines[0]));
    }

    #[test]
    fn an_answer_in_pieces_is_put_together() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let waiter = std::thread::spawn(move || wait_for_go(ours.as_raw_fd()));
        theirs.write_all(b"g").unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        theirs.write_all(b"o\n").unwrap();
        assert!(waiter.join().unwrap().is_ok());
    }

    #[test]
    fn anything_else_is_an_error() {
        for (answer, expected) in [
            ("", "closed"),
            ("g", "closed"),
            ("no\n", "\"no"),
            ("gone", "\"gon"),
        ] {
            let (mut control, mut other) = pair();
            other.write_all(answer.as_bytes()).unwrap();
            other.shutdown(std::net::Shutdown::Write).unwrap();
            let text = control.begin().unwrap_err().to_string();
            assert!(text.contains(expected), "{answer:?}: {text}");
        }
    }

    #[test]
    fn nobody_there() {
        let mut control = Control { socket: None };
        let window = control.begin().unwrap();
        assert!(control.end(window).is_ok());
        assert!(control.result("{}").is_ok());
    }

    #[test]
    fn a_window_survives_as_text() {
        let window = Control { socket: None }.begin().unwrap();
        let text = window.to_text();
        assert_eq!(Window::from_text(&text).unwrap(), window);
        assert!(Window::from_text("1 2 x").is_err());
        assert!(Window::from_text("").is_err());
    }
}
