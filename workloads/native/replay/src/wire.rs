//! The request and the answer; tracer/host/replaying.py has the other side.
//!
//! Request, little-endian: MAGIC; u64 window start, window end (ns), slot of the thread that closed
//! it, wanted (`SEGMENTS`), numbers of restart_syscall (two), length of the names, number of known
//! threads, number of events; the names, padded to 8 bytes; a class for each of N_CALLS call
//! numbers, one byte each; known threads (u32 slot, tid, tgid, 0); events of 27 bytes (i64 time, u64
//! what, u32 thread, u32 extra, u16 CPU, u8 kind).
//!
//! Answer: MAGIC; u64 number of arrays; for each 16 bytes of name, u64 offset, rows, bytes of a row;
//! the arrays.

use std::io::{self, Read, Write};

use crate::parts::{NAMES, N_CALLS};

pub const MAGIC: &[u8; 8] = b"TRREPL01";
pub const SEGMENTS: u64 = 1;
const EVENT_BYTES: usize = 27;
/// The number of a thread's row in tracer's table has 17 bits; one more for a table that grows.
pub const MAX_SLOT: u32 = 1 << 18;
pub const MAX_CPU: u16 = 8192;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Switch,
    Waking,
    Enter,
    Exit,
    New,
    Name,
    Exec,
    Begin,
    Migrate,
    Idle,
    Ipi,
    Window,
    Dying,
}

#[derive(Clone, Copy, Debug)]
pub struct Event {
    pub at: i64,
    pub what: u64,
    pub slot: u32,
    pub extra: u32,
    pub cpu: u16,
    pub kind: Kind,
}

impl Event {
    /// Bits of `what`.
    pub fn bits(&self, from: u32, count: u32) -> u64 {
        self.what >> from & ((1u64 << count) - 1)
    }

    /// The slot in the low half of `what`: of the next thread, the wakee, the child.
    pub fn other(&self) -> u32 {
        self.what as u32 & 0x7fff_ffff
    }
}

pub struct Known {
    pub slot: u32,
    pub tid: u32,
    pub tgid: u32,
}

pub struct Request {
    pub start: i64,
    pub end: i64,
    pub end_slot: u32,
    pub wanted: u64,
    pub restarts: [u32; 2],
    pub classes: Vec<u8>,
    pub known: Vec<Known>,
}

/// The events, as they came.
pub struct Events(Vec<u8>);

impl Request {
    pub fn read(from: &mut impl Read) -> Result<(Request, Events), String> {
        let mut magic = [0; 8];
        fill(from, &mut magic)?;
        if &magic != MAGIC {
            return Err("the request is of another version: make setup builds this program".into());
        }
        let mut words = [0u64; 9];
        for word in &mut words {
            let mut bytes = [0; 8];
            fill(from, &mut bytes)?;
            *word = u64::from_le_bytes(bytes);
        }
        let [start, end, end_slot, wanted, restart, other_restart, names, known, events] = words;
        if names > 1 << 16 || known > u64::from(MAX_SLOT) || events > 1 << 33 {
            return Err("the request is damaged: impossible lengths".into());
        }
        let padded = (names as usize).next_multiple_of(8);
        let text = take(from, padded)?;
        if text.get(..names as usize) != Some(NAMES.as_bytes()) {
            let why = "the recording names other states than this program knows";
            return Err(format!("{why}: make setup builds that of this tracer"));
        }
        let classes = take(from, N_CALLS)?;
        if classes.iter().any(|class| *class > 7) {
            return Err("the request is damaged: a call of an unknown class".into());
        }
        let known = take(from, known as usize * 16)?
            .chunks_exact(16)
            .map(|row| Known {
                slot: word(row, 0),
                tid: word(row, 4),
                tgid: word(row, 8),
            })
            .collect();
        let bytes = take(from, events as usize * EVENT_BYTES)?;
        let request = Request {
            start: start as i64,
            end: end as i64,
            end_slot: u32::try_from(end_slot).unwrap_or(u32::MAX),
            wanted,
            restarts: [restart as u32, other_restart as u32],
            classes,
            known,
        };
        Ok((request, Events(bytes)))
    }
}

impl Events {
    /// The events in order of time; an error names the first one that cannot be.
    pub fn iter(&self) -> impl Iterator<Item = Result<Event, String>> + '_ {
        let mut before = i64::MIN;
        self.0
            .chunks_exact(EVENT_BYTES)
            .enumerate()
            .map(move |(number, row)| {
                let event =
                    decoded(row).map_err(|why| format!("event {number} is damaged: {why}"))?;
                if event.at < before {
                    return Err(format!(
                        "event {number} is damaged: it is earlier than the one before"
                    ));
                }
                before = event.at;
                Ok(event)
            })
    }

    pub fn count(&self) -> usize {
        self.0.len() / EVENT_BYTES
    }
}

fn decoded(row: &[u8]) -> Result<Event, String> {
    use Kind::*;
    let mut time = [0; 8];
    time.copy_from_slice(&row[..8]);
    let mut what = [0; 8];
    what.copy_from_slice(&row[8..16]);
    let kinds = [
        Switch, Waking, Enter, Exit, New, Name, Exec, Begin, Migrate, Idle, Ipi, Window, Dying,
    ];
    let kind = kinds
        .get(usize::from(row[26]).wrapping_sub(1))
        .ok_or_else(|| format!("kind {}", row[26]))?;
    let event = Event {
        at: i64::from_le_bytes(time),
        what: u64::from_le_bytes(what),
        slot: word(row, 16),
        extra: word(row, 20),
        cpu: u16::from_le_bytes([row[24], row[25]]),
        kind: *kind,
    };
    if !(0..1 << 62).contains(&event.at) {
        return Err(format!("time {}", event.at));
    }
    if event.slot >= MAX_SLOT {
        return Err(format!("thread {}", event.slot));
    }
    if event.cpu >= MAX_CPU {
        return Err(format!("CPU {}", event.cpu));
    }
    if matches!(kind, Switch | Waking | New) && event.other() >= MAX_SLOT {
        return Err(format!("thread {}", event.other()));
    }
    Ok(event)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn fill(from: &mut impl Read, bytes: &mut [u8]) -> Result<(), String> {
    from.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => "the request ends too early".to_string(),
        _ => format!("the request cannot be read: {error}"),
    })
}

fn take(from: &mut impl Read, length: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(length)
        .map_err(|_| "there is not enough memory".to_string())?;
    from.take(length as u64)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("the request cannot be read: {error}"))?;
    if bytes.len() == length {
        return Ok(bytes);
    }
    Err("the request ends too early".into())
}

type Put<'a> = Box<dyn Fn(&mut dyn Write) -> io::Result<()> + 'a>;

/// An array of the answer: `put` writes its rows, `rows` of `bytes` each.
pub struct Array<'a> {
    pub name: &'static str,
    pub rows: usize,
    pub bytes: usize,
    pub put: Put<'a>,
}

pub fn answer(to: &mut impl Write, arrays: &[Array]) -> io::Result<()> {
    let mut offset = 16 + 40 * arrays.len();
    to.write_all(MAGIC)?;
    to.write_all(&(arrays.len() as u64).to_le_bytes())?;
    for array in arrays {
        let mut name = [0; 16];
        name[..array.name.len()].copy_from_slice(array.name.as_bytes());
        to.write_all(&name)?;
        for number in [offset, array.rows, array.bytes] {
            to.write_all(&(number as u64).to_le_bytes())?;
        }
        offset += (array.rows * array.bytes).next_multiple_of(8);
    }
    for array in arrays {
        (array.put)(to)?;
        let size = array.rows * array.bytes;
        to.write_all(&[0; 8][..(8 - size % 8) % 8])?;
    }
    to.flush()
}
