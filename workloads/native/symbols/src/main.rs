//! Unwinds copied stacks and names their frames. tracer/host/unwinding.py starts it.
//!
//! `tracer-symbols MEMORY_BYTES CPU_SECONDS ANSWER_BYTES` reads a request from standard input and
//! writes the answer to standard output; `wire` has both. It reads files that others made, so it
//! runs without rights, limits itself, and opens nothing but the descriptors that it inherited and
//! separate debug files. A file or a sample that breaks it has no names, the others keep theirs.

mod elf;
mod go;
mod machine;
mod names;
mod perf_map;
mod places;
mod walk;
mod wire;

use std::error::Error;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::atomic::AtomicU64;
use std::{env, io};

use memmap2::{MmapMut, MmapOptions};

use elf::Elf;
use perf_map::PerfMap;
use places::Places;
use walk::{Space, Walk};
use wire::{Kind, Progress, Request, Work};

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|_| ())); // what breaks on one file is no news for a terminal
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tracer-symbols: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    limit_itself()?;
    let request = elf::map(io::stdin().as_raw_fd()).ok_or(wire::Malformed)?;
    let request = wire::parse(&request)?;
    let page = progress_page()?;
    // SAFETY: a page is large enough and aligned; nobody else writes to it
    let progress = Progress(unsafe { &*page.as_ptr().cast::<[AtomicU64; 2]>() });
    let answer = answer(&request, &progress);
    let output = std::fs::File::from(std::os::fd::AsFd::as_fd(&io::stdout()).try_clone_to_owned()?);
    output.write_all_at(&answer, wire::ANSWER_AT)?;
    Ok(())
}

fn answer(request: &Request, progress: &Progress) -> Vec<u8> {
    let elfs: Vec<Option<Elf>> = (0..request.files.len())
        .map(|number| {
            progress.at(Work::File, number);
            let descriptor = request.files[number].descriptor?;
            guarded(|| Elf::open(descriptor)).flatten()
        })
        .collect();
    let mut places = Places::new(request.samples.len());
    for (number, view) in request.views.iter().enumerate() {
        progress.at(Work::PerfMap, number);
        let text = view.perf_map.and_then(elf::map);
        let names = PerfMap::parse(text.as_deref().unwrap_or_default());
        let mut space = Space::new(&view.areas, &elfs, names);
        let own = request.samples.iter().enumerate();
        for (index, sample) in own.filter(|(_, sample)| sample.view == number) {
            progress.at(Work::Sample, index);
            let walk = guarded(|| space.walk(sample)).unwrap_or(Walk {
                places: Vec::new(),
                whole: false,
            });
            places.enter(index, number, &walk, |address| {
                let name = space.perf_map.at(address)?;
                Some((String::from_utf8_lossy(name).into_owned(), view.jit))
            });
        }
    }
    for (number, file) in request.files.iter().enumerate() {
        progress.at(Work::Names, number);
        let elf = elfs[number].as_ref();
        let is_go = elf.is_some_and(|elf| elf.is_go);
        let kind = if is_go { Kind::Go } else { Kind::Native };
        let functions = |addresses: &[u64]| names::functions(file, is_go, addresses);
        let start_of = |address| guarded(|| elf?.function_start(address)).flatten();
        places.name(number, kind, functions, start_of);
    }
    places.answer()
}

/// None where it panics.
fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

/// Page 0 of the answer, shared with whoever reads it.
fn progress_page() -> io::Result<MmapMut> {
    let length = wire::ANSWER_AT as usize;
    // SAFETY: the file is this program's alone to write to
    unsafe {
        MmapOptions::new()
            .len(length)
            .map_mut(io::stdout().as_raw_fd())
    }
}

/// Sets the limits given as arguments, and gives up the right to gain rights.
fn limit_itself() -> Result<(), Box<dyn Error>> {
    let usage = "usage: tracer-symbols MEMORY_BYTES CPU_SECONDS ANSWER_BYTES";
    let numbers: Result<Vec<u64>, _> = env::args().skip(1).map(|word| word.parse()).collect();
    let [memory, cpu, size] = numbers?[..] else {
        return Err(usage.into());
    };
    let limits = [
        (libc::RLIMIT_DATA, memory), // files that it maps are not counted
        (libc::RLIMIT_CPU, cpu),
        (libc::RLIMIT_FSIZE, size),
        (libc::RLIMIT_CORE, 0), // a core file would hold other programs' stacks
    ];
    for (resource, most) in limits {
        let limit = libc::rlimit {
            rlim_cur: most,
            rlim_max: most,
        };
        // SAFETY: the pointer is to a valid rlimit
        if unsafe { libc::setrlimit(resource, &limit) } != 0 {
            return Err(io::Error::last_os_error().into());
        }
    }
    // Not dumpable: others of the same user may not read the stacks from its memory either.
    for (option, value) in [(libc::PR_SET_NO_NEW_PRIVS, 1), (libc::PR_SET_DUMPABLE, 0)] {
        // SAFETY: no pointers
        if unsafe { libc::prctl(option, value, 0, 0, 0) } != 0 {
            return Err(io::Error::last_os_error().into());
        }
    }
    Ok(())
}
