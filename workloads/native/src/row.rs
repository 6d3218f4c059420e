//! A brigade with blocking I/O: what a member does and how the driver sends the bytes.

use crate::brigade::{Options, BYTE};
use crate::control::{Control, Measured};
use crate::error::Context;
use crate::load::Load;
use crate::transport::End;
use crate::Result;
use std::io::{self, ErrorKind, Read, Write};
use std::time::Instant;

/// One member of the brigade, until its input ends. `seen` is called with each byte. The
/// buffer is one byte, so that each byte is one read.
pub fn pass_on(
    mut upstream: End,
    mut downstream: End,
    load: Load,
    mut seen: impl FnMut(u8),
) -> io::Result<()> {
    let mut byte = [0];
    loop {
        match upstream.read_exact(&mut byte) {
            Ok(()) => {
                seen(byte[0]);
                load.work();
                downstream.write_all(&byte)?;
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// The driver's two ends of the row; dropping it closes them, which ends the members.
#[derive(Debug)]
pub struct Driver {
    pub front: End,
    pub back: End,
    pub load: Load,
}

impl Driver {
    /// The trips before the measured ones.
    pub fn warm_up(
        &mut self,
        trips: usize,
        mut pass: impl FnMut() -> io::Result<()>,
    ) -> Result<()> {
        for _ in 0..trips {
            self.trip(&mut pass).context("a warm-up trip")?;
        }
        Ok(())
    }

    /// The measured trips, one for each of `times`.
    pub fn measure(
        &mut self,
        times: &mut [u64],
        control: &mut Control,
        mut pass: impl FnMut() -> io::Result<()>,
    ) -> Result<Measured> {
        let window = control.begin()?;
        for time in times {
            *time = self.trip(&mut pass).context("a trip")?;
        }
        control.end(window)
    }

    /// The trips before the measured ones and the measured ones, with members that are threads
    /// or processes.
    pub fn drive(
        mut self,
        options: &Options,
        times: &mut [u64],
        control: &mut Control,
    ) -> Result<Measured> {
        self.warm_up(options.warmups, || Ok(()))?;
        self.measure(times, control, || Ok(()))
    }

    /// Sends one byte through the row, outside of the measured part.
    pub fn send_through(&mut self, byte: u8) -> io::Result<()> {
        self.front.write_all(&[byte])?;
        self.back.read_exact(&mut [0])
    }

    /// Sends the bytes through and returns how long it took, ns. `pass` is called while they
    /// are in flight: it moves them where the members are no threads or processes.
    fn trip(&mut self, pass: &mut impl FnMut() -> io::Result<()>) -> io::Result<u64> {
        let mut byte = [0];
        let start = Instant::now();
        for _ in 0..self.load.tokens {
            self.front.write_all(BYTE)?;
        }
        pass()?;
        for _ in 0..self.load.tokens {
            self.back.read_exact(&mut byte)?;
        }
        Ok(start.elapsed().as_nanos() as u64)
    }
}
