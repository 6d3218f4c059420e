//! What the tests of the programs share: starting one, alone or with a control socket.
#![allow(dead_code)] // Each test file uses a part of it.

use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// The planted example, which cargo builds next to the tests but does not name to them.
pub fn planted() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test
        .parent()
        .and_then(|deps| deps.parent())
        .unwrap()
        .join("examples/planted");
    assert!(
        path.exists(),
        "{path:?} is missing: run cargo build --examples"
    );
    path
}

pub fn output(command: &mut Command) -> Output {
    command
        .env_remove("TRACER_CONTROL_FD")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A program under control, seen from the controlling side.
pub struct Controlled {
    pub child: Child,
    socket: UnixStream,
    lines: BufReader<UnixStream>,
}

impl Controlled {
    pub fn start(command: &mut Command) -> Controlled {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        let fd = theirs.as_raw_fd();
        command
            .env("TRACER_CONTROL_FD", fd.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // SAFETY: fcntl may be called between fork and exec.
        unsafe {
            command.pre_exec(move || match libc::fcntl(fd, libc::F_SETFD, 0) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            });
        }
        let child = command.spawn().unwrap();
        let lines = BufReader::new(ours.try_clone().unwrap());
        Controlled {
            child,
            socket: ours,
            lines,
        }
    }

    /// The next line, without its end; empty if the program closed the socket.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Receives an announcement; returns its thread and its time.
    pub fn announced(&mut self, word: &str) -> (u32, u64) {
        let line = self.line();
        let parts: Vec<&str> = line.split(' ').collect();
        assert_eq!((parts[0], parts.len()), (word, 3), "{line:?}");
        (parts[1].parse().unwrap(), parts[2].parse().unwrap())
    }

    pub fn answer(&mut self, text: &str) {
        self.socket.write_all(text.as_bytes()).unwrap();
    }

    /// Leads the whole conversation; `inside` is done while the program is in its window.
    /// Returns the result after the program has ended well and silently.
    pub fn complete(mut self, inside: impl FnOnce(&mut Child)) -> String {
        let pid = self.child.id();
        let (begin_tid, begin_ns) = self.announced("begin");
        self.answer("go\n");
        inside(&mut self.child);
        let (end_tid, end_ns) = self.announced("end");
        assert_eq!((begin_tid, end_tid), (pid, pid), "the main thread drives");
        self.answer("go\n");
        let line = self.line();
        let json = line.strip_prefix("result ").unwrap().to_owned();
        assert_eq!(self.line(), "", "nothing comes after the result");
        let ended = self.child.wait_with_output().unwrap();
        assert_eq!(stderr(&ended), "");
        assert_eq!(stdout(&ended), "");
        assert!(ended.status.success(), "{}", ended.status);
        assert!(number(&json, "elapsed_ns") <= (end_ns - begin_ns) as f64);
        json
    }

    /// What became of a program that was given a bad answer.
    pub fn ended(self) -> Output {
        drop((self.socket, self.lines));
        self.child.wait_with_output().unwrap()
    }
}

/// The number at a key of flat enough JSON.
pub fn number(json: &str, key: &str) -> f64 {
    let start = json
        .find(&format!("\"{key}\":"))
        .unwrap_or_else(|| panic!("no {key} in {json}"))
        + key.len()
        + 3;
    let rest = &json[start..];
    let end = rest.find([',', '}']).unwrap();
    rest[..end].parse().unwrap()
}
