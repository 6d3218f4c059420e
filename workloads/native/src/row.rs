//! A brigade with blocking ends: what a member does and how the driver sends the bytes.

use crate::brigade::{Options, BYTE};
use crate::control::{Control, Measured};
use crate::error::Context;
use crate::load::Load;
use crate::transport::End;
use crate::Result;
use std::io::{self, ErrorKind, Read, Write};
use std::time::Instant;

/// One member of the brigade, until its input ends. The buffer is one byte, so a full read
/// is one system call.
pub fn pass_on(mut upstream: End, mut downstream: End, load: Load) -> io::Result<()> {
    let mut byte = [0];
    loop {
        match upstream.read_exact(&mut byte) {
            Ok(()) => {
                load.work();
                downstream.write_all(&byte)?;
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Sends the bytes through, and closes both ends on return. `pass` is called while they are
/// in flight: it moves them where no other thread or process does.
pub fn drive(
    mut front: End,
    mut back: End,
    options: &Options,
    load: Load,
    times: &mut [u64],
    control: &mut Control,
    mut pass: impl FnMut() -> io::Result<()>,
) -> Result<Measured> {
    let mut trip = move || -> io::Result<u64> {
        let mut byte = [0];
        let start = Instant::now();
        for _ in 0..load.tokens {
            front.write_all(BYTE)?;
        }
        pass()?;
        for _ in 0..load.tokens {
            back.read_exact(&mut byte)?;
        }
        Ok(start.elapsed().as_nanos() as u64)
    };
    for _ in 0..options.warmups {
        trip().context("a warm-up trip")?;
    }
    let window = control.begin()?;
    for time in times {
        *time = trip().context("a trip")?;
    }
    control.end(window)
}
