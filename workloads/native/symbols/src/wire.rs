//! What the program is asked and what it answers: words of 64 bits, in the machine's order of bytes.
//!
//! A string is a word with its length, then its bytes, filled up to whole words. A list is a word
//! with its length, then its elements. `NONE` (all bits set) stands for an index that is missing.
//!
//! The request, standard input (a file that can be mapped):
//!
//! ```text
//! MAGIC
//! files     { descriptor, descriptor of its separate debug file, what to read for names }
//! views     { areas { start, end, offset in the file, file }, descriptor of a perf map, its kind }
//! samples   { view, ip, sp, fp, lr, stack: string }
//! ```
//!
//! A view is what one process had mapped as executable for some time; its areas are in order of
//! address and do not overlap. A descriptor is one that this program has inherited; a file without
//! one is known by its number only. For names nothing is read (0), symbol tables (1), or debug
//! information too (2).
//!
//! The answer, standard output (a file, of which the first page is there already):
//!
//! ```text
//! page 0    what is being done: a word with the kind of work, a word with its number
//! page 1    MAGIC
//!           frames  { function: string, file: string, line, inlined, kind, module, address }
//!           stacks  { whole, module in which it broke, frames { number } }
//! ```
//!
//! The frames of a stack are in order from the innermost one. A line is 0 where it is unknown. A
//! module is the number of a file, `PERF_MAP` or NONE. Page 0 is for whoever finds this program
//! ended by a signal: it says by which file or by which sample.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

pub const MAGIC: u64 = u64::from_le_bytes(*b"TRSYMB01");
pub const NONE: u64 = u64::MAX;
pub const PERF_MAP: u64 = u64::MAX - 1;
/// Where the answer begins in standard output.
pub const ANSWER_AT: u64 = 4096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Kind {
    Unknown = 0,
    Native = 1,
    Python = 2,
    Java = 3,
    Go = 4,
}

impl Kind {
    fn from_word(word: u64) -> Self {
        [
            Self::Unknown,
            Self::Native,
            Self::Python,
            Self::Java,
            Self::Go,
        ]
        .into_iter()
        .find(|kind| *kind as u64 == word)
        .unwrap_or(Self::Unknown)
    }
}

pub struct File {
    pub descriptor: Option<i32>,
    pub debug: Option<i32>,
    pub has_symbols: bool,
    pub has_debug_info: bool,
}

#[derive(Clone, Debug)]
pub struct Area {
    pub start: u64,
    pub end: u64,
    pub offset: u64,
    pub file: Option<usize>,
}

pub struct View {
    pub areas: Vec<Area>,
    pub perf_map: Option<i32>,
    /// What the names of the perf map are, unless they say themselves that they are Python's.
    pub jit: Kind,
}

pub struct Sample<'a> {
    pub view: usize,
    pub ip: u64,
    pub sp: u64,
    pub fp: u64,
    /// Of aarch64 alone.
    #[cfg_attr(target_arch = "x86_64", allow(dead_code))]
    pub lr: u64,
    pub stack: &'a [u8],
}

pub struct Request<'a> {
    pub files: Vec<File>,
    pub views: Vec<View>,
    pub samples: Vec<Sample<'a>>,
}

/// The request is not of the form that this program reads.
#[derive(Debug)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("the request on standard input is malformed")
    }
}

impl std::error::Error for Malformed {}

struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        if count > self.0.len() {
            return Err(Malformed);
        }
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        Ok(taken)
    }

    fn word(&mut self) -> Result<u64, Malformed> {
        let bytes = self.take(8)?.try_into().map_err(|_| Malformed)?;
        Ok(u64::from_ne_bytes(bytes))
    }

    /// A number of things of which each takes a word at least: never more than can follow.
    fn length(&mut self) -> Result<usize, Malformed> {
        let length = usize::try_from(self.word()?).map_err(|_| Malformed)?;
        (length <= self.0.len() / 8)
            .then_some(length)
            .ok_or(Malformed)
    }

    fn index(&mut self, below: usize) -> Result<Option<usize>, Malformed> {
        match self.word()? {
            NONE => Ok(None),
            word if word < below as u64 => Ok(Some(word as usize)),
            _ => Err(Malformed),
        }
    }

    fn descriptor(&mut self) -> Result<Option<i32>, Malformed> {
        Ok(self.index(i32::MAX as usize)?.map(|word| word as i32))
    }

    fn string(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(self.word()?).map_err(|_| Malformed)?;
        let filled = length.checked_next_multiple_of(8).ok_or(Malformed)?;
        Ok(&self.take(filled)?[..length])
    }

    fn list<T>(
        &mut self,
        mut one: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let length = self.length()?;
        (0..length).map(|_| one(self)).collect()
    }
}

/// Reads a request. Every index in it is one of what it indexes.
pub fn parse(bytes: &[u8]) -> Result<Request<'_>, Malformed> {
    let mut words = Words(bytes);
    if words.word()? != MAGIC {
        return Err(Malformed);
    }
    let files = words.list(|words| {
        let (descriptor, debug) = (words.descriptor()?, words.descriptor()?);
        let detail = words.word()?;
        Ok(File {
            descriptor,
            debug,
            has_symbols: detail > 0,
            has_debug_info: detail > 1,
        })
    })?;
    let views = words.list(|words| {
        let areas = words.list(|words| {
            Ok(Area {
                start: words.word()?,
                end: words.word()?,
                offset: words.word()?,
                file: words.index(files.len())?,
            })
        })?;
        let apart = areas.windows(2).all(|pair| pair[0].end <= pair[1].start);
        if !apart || areas.iter().any(|area| area.start >= area.end) {
            return Err(Malformed);
        }
        Ok(View {
            areas,
            perf_map: words.descriptor()?,
            jit: Kind::from_word(words.word()?),
        })
    })?;
    let samples = words.list(|words| {
        Ok(Sample {
            view: words.index(views.len())?.ok_or(Malformed)?,
            ip: words.word()?,
            sp: words.word()?,
            fp: words.word()?,
            lr: words.word()?,
            stack: words.string()?,
        })
    })?;
    Ok(Request {
        files,
        views,
        samples,
    })
}

/// One frame of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub function: String,
    pub file: String,
    pub line: u32,
    pub inlined: bool,
    pub kind: Kind,
    pub module: u64,
    pub address: u64,
}

/// One stack of the answer; `frames` are numbers of frames.
pub struct Stack {
    pub whole: bool,
    pub broke_in: u64,
    pub frames: Vec<u32>,
}

/// The answer as bytes.
pub fn answer(frames: &[Frame], stacks: &[Stack]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put(&mut bytes, MAGIC);
    put(&mut bytes, frames.len() as u64);
    for frame in frames {
        put_string(&mut bytes, &frame.function);
        put_string(&mut bytes, &frame.file);
        for word in [
            u64::from(frame.line),
            u64::from(frame.inlined),
            frame.kind as u64,
            frame.module,
            frame.address,
        ] {
            put(&mut bytes, word);
        }
    }
    put(&mut bytes, stacks.len() as u64);
    for stack in stacks {
        put(&mut bytes, u64::from(stack.whole));
        put(&mut bytes, stack.broke_in);
        put(&mut bytes, stack.frames.len() as u64);
        for frame in &stack.frames {
            put(&mut bytes, u64::from(*frame));
        }
    }
    bytes
}

fn put(bytes: &mut Vec<u8>, word: u64) {
    bytes.extend_from_slice(&word.to_ne_bytes());
}

fn put_string(bytes: &mut Vec<u8>, text: &str) {
    put(bytes, text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
    bytes.resize(bytes.len().next_multiple_of(8), 0);
}

/// A kind of work that the contents of a file, or of a sample, could make fail.
#[derive(Clone, Copy)]
#[repr(u64)]
pub enum Work {
    File = 1,
    Sample = 2,
    PerfMap = 3,
    Names = 4,
}

/// Page 0 of the answer.
pub struct Progress<'a>(pub &'a [AtomicU64; 2]);

impl Progress<'_> {
    pub fn at(&self, work: Work, number: usize) {
        self.0[1].store(number as u64, Ordering::Relaxed);
        self.0[0].store(work as u64, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[u64]) -> Vec<u8> {
        list.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }

    #[test]
    fn a_request_is_read_as_it_was_written() {
        let text = [
            &[MAGIC, 1, 7, NONE, 2][..],
            &[1, 1, 0x1000, 0x2000, 0, 0, NONE, 3],
            &[
                1,
                0,
                0x1234,
                0x7000,
                0x7010,
                0,
                3,
                u64::from_ne_bytes(*b"abcdefgh"),
            ],
        ]
        .concat();
        let bytes = words(&text);
        let request = parse(&bytes).unwrap();
        assert_eq!(request.files[0].descriptor, Some(7));
        assert_eq!(request.files[0].debug, None);
        assert!(request.files[0].has_symbols && request.files[0].has_debug_info);
        assert_eq!(request.views[0].areas[0].file, Some(0));
        assert_eq!(request.views[0].jit, Kind::Java);
        assert_eq!(request.samples[0].ip, 0x1234);
        assert_eq!(request.samples[0].stack, b"abc");
    }

    #[test]
    fn what_is_cut_off_or_out_of_range_is_refused() {
        let whole = [MAGIC, 0, 1, 1, 1, 2, 0, NONE, NONE, 0, 1, 0, 1, 2, 3, 4, 0];
        assert!(parse(&words(&whole)).is_ok());
        for end in 0..whole.len() {
            assert!(parse(&words(&whole[..end])).is_err(), "{end}");
        }
        for (at, word) in [(0, 1), (1, 1 << 60), (7, 5), (11, 1), (16, NONE), (4, 2)] {
            let mut other = whole;
            other[at] = word;
            assert!(parse(&words(&other)).is_err(), "{at}");
        }
    }
}
