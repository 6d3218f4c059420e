//! One mode for each mechanism by which a thread can wake another.

use crate::compute::compute;
use crate::crew::Crew;
use crate::gate::Gate;
use crate::params::Params;
use crate::signals;
use crate::sys::{self, Event};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use tracer_workloads::clock::thread_id;
use tracer_workloads::control::{Control, Measured};
use tracer_workloads::error::Context;
use tracer_workloads::Result;

#[derive(Debug, Clone, Copy)]
enum Kind {
    Futex,
    Pipe,
    EventfdEpoll,
    Signal,
    Tcp,
    Condvar,
}

const KINDS: &[(&str, Kind)] = &[
    ("futex", Kind::Futex),
    ("pipe", Kind::Pipe),
    ("eventfd-epoll", Kind::EventfdEpoll),
    ("signal", Kind::Signal),
    ("tcp", Kind::Tcp),
    ("condvar", Kind::Condvar),
];

type Wait = Box<dyn FnOnce() -> Result<()>>;
type Wake = Box<dyn FnOnce() -> Result<()> + Send>;

/// Path: thread `other` 60 ms computing, wakes the driver by the mechanism of the given
/// kind; driver 40 ms computing.
pub fn handover(control: &mut Control, params: &mut Params) -> Result<Measured> {
    let kind = params.word("KIND", KINDS)?;
    let other = params.ms("OTHER", 60)?;
    let own = params.ms("OWN", 40)?;
    params.finish()?;
    let start = Gate::new()?;
    let (wait, wake) = mechanism(kind)?;
    let mut crew = Crew::default();
    crew.start("other", {
        let start = start.clone();
        move || {
            start.wait()?;
            compute(other);
            wake()
        }
    })?;
    crew.settle()?;

    let window = control.begin()?;
    start.open()?;
    wait()?;
    compute(own);
    let measured = control.end(window)?;
    crew.join()?;
    Ok(measured)
}

/// The two ends of a mechanism. Call it on the thread that is going to wait.
fn mechanism(kind: Kind) -> Result<(Wait, Wake)> {
    match kind {
        Kind::Futex => Ok(futex()),
        Kind::Pipe => pipe(),
        Kind::EventfdEpoll => eventfd_epoll(),
        Kind::Signal => signal(),
        Kind::Tcp => tcp(),
        Kind::Condvar => Ok(condvar()),
    }
}

fn futex() -> (Wait, Wake) {
    let word = Arc::new(AtomicU32::new(0));
    let waker = Arc::clone(&word);
    let wait = move || {
        sys::futex_wait(&word);
        Ok(())
    };
    (Box::new(wait), Box::new(move || sys::futex_wake(&waker, 1)))
}

fn pipe() -> Result<(Wait, Wake)> {
    let gate = Gate::new()?;
    let waker = gate.clone();
    Ok((
        Box::new(move || gate.wait()),
        Box::new(move || waker.open()),
    ))
}

fn eventfd_epoll() -> Result<(Wait, Wake)> {
    let event = Arc::new(Event::new()?);
    let waker = Arc::clone(&event);
    Ok((
        Box::new(move || event.wait().map(drop)),
        Box::new(move || waker.raise()),
    ))
}

fn signal() -> Result<(Wait, Wake)> {
    signals::install_handler()?;
    signals::block()?;
    let driver = thread_id();
    let wait = || {
        signals::wait();
        Ok(())
    };
    Ok((Box::new(wait), Box::new(move || signals::send_to(driver))))
}

fn tcp() -> Result<(Wait, Wake)> {
    let (ours, theirs) = tcp_pair().context("loopback connection")?;
    Ok((
        Box::new(move || sys::read_byte(ours.as_raw_fd())),
        Box::new(move || sys::write_byte(theirs.as_raw_fd())),
    ))
}

fn condvar() -> (Wait, Wake) {
    let pair = Arc::new((Mutex::new(false), Condvar::new()));
    let waker = Arc::clone(&pair);
    let wait = move || {
        let (open, changed) = &*pair;
        let guard = open.lock().unwrap_or_else(PoisonError::into_inner);
        drop(changed.wait_while(guard, |open| !*open));
        Ok(())
    };
    let wake = move || {
        let (open, changed) = &*waker;
        *open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_one();
        Ok(())
    };
    (Box::new(wait), Box::new(wake))
}

fn tcp_pair() -> std::io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let ours = TcpStream::connect(listener.local_addr()?)?;
    let (theirs, _) = listener.accept()?;
    theirs.set_nodelay(true)?;
    Ok((ours, theirs))
}
