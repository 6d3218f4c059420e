//! Replays the events of a recording: the second, independent implementation of the books that
//! tracer keeps in the kernel. tracer/host/replaying.py starts it.
//!
//! `tracer-replay` reads a request from standard input and writes the answer to standard output;
//! `wire` has both. What it cannot read it refuses, with a line on standard error.

mod chain;
mod counts;
mod cpus;
mod machine;
mod parts;
mod threads;
mod wire;

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use chain::{told, Piece, NONE, PIECE_BYTES};
use counts::{Call, Hist, BUCKETS, ERRORS, RUNNABLE};
use cpus::Cpu;
use machine::Machine;
use parts::*;
use threads::Thread;
use wire::{Array, Request, SEGMENTS};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let (request, events) = Request::read(&mut io::stdin().lock())?;
    let count = events.count();
    let mut machine = Machine::new(&request, &events)?;
    machine.run(&events)?;
    drop(events);
    machine.finish();
    let path = path_of(&mut machine, &request);
    let output = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    answer(output, &machine, &request, &path, count)
        .map_err(|error| format!("the answer cannot be written: {error}"))
}

fn path_of(machine: &mut Machine, request: &Request) -> Vec<Piece> {
    match machine.last_row() {
        0 => Vec::new(),
        row => machine
            .chain
            .path(machine.threads[row].path.last, request.start),
    }
}

/// Who ran on the thread's CPU longest while it waited there, and how long.
fn held(machine: &Machine, piece: &Piece) -> Option<(cpus::Stint, i64)> {
    if !(WAKEUP_IDLE..=YIELDED).contains(&piece.path_part) {
        return None;
    }
    let cpu = machine.cpus.get(usize::from(piece.cpu))?;
    cpu.held_by(piece.start, piece.end, piece.row)
}

fn answer(
    mut to: impl Write,
    machine: &Machine,
    request: &Request,
    path: &[Piece],
    events: usize,
) -> io::Result<()> {
    let counts = &machine.counts;
    let segments = || machine.chain.segments(request.start, request.end);
    let wanted = if request.wanted & SEGMENTS != 0 {
        segments().count()
    } else {
        0
    };
    let numbers = numbers(machine, events);
    let arrays = [
        array(
            "threads",
            machine.threads.len() - 1,
            THREAD_BYTES,
            move |to| {
                machine.threads[1..]
                    .iter()
                    .try_for_each(|t| put_thread(t, to))
            },
        ),
        array("cpus", machine.cpus.len(), CPU_BYTES, move |to| {
            machine.cpus.iter().try_for_each(|k| put_cpu(k, to))
        }),
        array("calls", counts.calls.len(), CALL_BYTES, move |to| {
            counts
                .calls
                .iter()
                .try_for_each(|(nr, call)| put_call(*nr, call, to))
        }),
        array("sched", 1, SCHED_BYTES, move |to| put_sched(counts, to)),
        array("numbers", numbers.len(), 8, move |to| put_all(&numbers, to)),
        array("path", path.len(), PATH_BYTES, move |to| {
            path.iter()
                .try_for_each(|piece| put_on_path(piece, held(machine, piece), to))
        }),
        array("segments", wanted, PIECE_BYTES, move |to| {
            segments()
                .take(wanted)
                .try_for_each(|piece| chain::put(&piece, to))
        }),
    ];
    wire::answer(&mut to, &arrays)
}

fn array<'a>(
    name: &'static str,
    rows: usize,
    bytes: usize,
    put: impl Fn(&mut dyn Write) -> io::Result<()> + 'a,
) -> Array<'a> {
    Array {
        name,
        rows,
        bytes,
        put: Box::new(put),
    }
}

fn numbers(machine: &Machine, events: usize) -> Vec<u64> {
    let counts = &machine.counts;
    let mut numbers = vec![
        events as u64,
        u64::from(machine.end_slot),
        counts.impossible,
        counts.recorded_after_end,
        counts.unmatched_exits,
        counts.inferred,
    ];
    numbers.extend(counts.repairs);
    numbers
}

const HIST_BYTES: usize = 8 * (2 + BUCKETS);
const THREAD_BYTES: usize =
    12 * 4 + 8 * (7 + N_PATH + N_BEHIND + N_AWAITED + 3 + N_OWN + N_BEHIND) + 16;
const CPU_BYTES: usize = 4 * 4 + 8 * (5 + N_SOURCES);
const CALL_BYTES: usize = 8 * (3 + ERRORS) + HIST_BYTES;
const SCHED_BYTES: usize = HIST_BYTES * (3 * N_WAITS + 1) + 8 * (2 * N_WAITS + 1 + 4 * RUNNABLE);
const PATH_BYTES: usize = 48;

fn put_all(numbers: &[u64], to: &mut dyn Write) -> io::Result<()> {
    numbers
        .iter()
        .try_for_each(|number| to.write_all(&number.to_le_bytes()))
}

fn put_signed(numbers: &[i64], to: &mut dyn Write) -> io::Result<()> {
    numbers
        .iter()
        .try_for_each(|number| to.write_all(&number.to_le_bytes()))
}

fn put_thread(t: &Thread, to: &mut dyn Write) -> io::Result<()> {
    let words = [
        t.slot,
        t.life,
        t.tid,
        t.tgid,
        t.state as u32,
        u32::from(t.on_cpu),
        u32::from(t.blocked),
        t.call_nr as i32 as u32,
        u32::from(t.is_worker),
        u32::from(!t.unseen),
        t.window,
        0,
    ];
    words
        .iter()
        .try_for_each(|word| to.write_all(&word.to_le_bytes()))?;
    put_signed(&[t.last, t.birth, t.death], to)?;
    put_all(&[t.voluntary, t.involuntary, t.migrations, t.yielded], to)?;
    put_signed(&t.path.parts, to)?;
    put_signed(&t.path.behind, to)?;
    put_signed(&t.path.awaited, to)?;
    put_all(&t.path.resumed, to)?;
    put_signed(&t.own, to)?;
    put_signed(&t.own_behind, to)?;
    to.write_all(&t.comm)
}

fn put_cpu(k: &Cpu, to: &mut dyn Write) -> io::Result<()> {
    let words = [u32::from(k.seen), k.tid, k.slot, k.window];
    words
        .iter()
        .try_for_each(|word| to.write_all(&word.to_le_bytes()))?;
    put_signed(&[k.since, k.idle, k.other, k.unseen], to)?;
    put_all(&[k.early], to)?;
    put_all(&k.sources, to)
}

fn put_hist(hist: &Hist, to: &mut dyn Write) -> io::Result<()> {
    put_all(&[hist.sum, hist.max], to)?;
    put_all(&hist.buckets, to)
}

fn put_call(nr: u32, call: &Call, to: &mut dyn Write) -> io::Result<()> {
    put_all(&[u64::from(nr), call.off, call.results], to)?;
    put_all(&call.errors, to)?;
    put_hist(&call.times, to)
}

fn put_sched(counts: &counts::Counts, to: &mut dyn Write) -> io::Result<()> {
    let hists = counts
        .waited
        .iter()
        .chain(&counts.ran)
        .chain(&counts.handed);
    hists.into_iter().try_for_each(|hist| put_hist(hist, to))?;
    put_all(&counts.ran_io, to)?;
    put_all(&counts.ran_user, to)?;
    put_all(&[counts.pulled], to)?;
    put_all(&counts.woke, to)?;
    put_all(&counts.woke_away, to)?;
    put_all(&[0; 2 * RUNNABLE], to)
}

fn put_on_path(
    piece: &Piece,
    holder: Option<(cpus::Stint, i64)>,
    to: &mut dyn Write,
) -> io::Result<()> {
    let (row, tid, ns) = holder.map_or((NONE, 0, 0), |(stint, ns)| (stint.row, stint.tid, ns));
    put_signed(&[piece.start, piece.end, ns], to)?;
    for word in [told(piece.row), told(row), tid, told(piece.waker)] {
        to.write_all(&word.to_le_bytes())?;
    }
    to.write_all(&piece.cpu.to_le_bytes())?;
    to.write_all(&piece.nr.to_le_bytes())?;
    to.write_all(&[piece.path_part, piece.source, piece.wait, piece.flags])
}
