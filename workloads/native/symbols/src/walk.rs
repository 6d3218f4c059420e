//! From the registers and the copied stack of a thread to the addresses of its frames.

use framehop::{CacheNative, FrameAddress, MayAllocateDuringUnwind, Unwinder, UnwinderNative};

use crate::elf::{Elf, Part};
use crate::machine;
use crate::perf_map::PerfMap;
use crate::wire::{Area, Sample};

/// A deeper stack is cut off.
pub const MOST_FRAMES: usize = 512;

/// What one process had mapped as executable, made ready for walking its stacks.
pub struct Space<'a> {
    areas: &'a [Area],
    elfs: &'a [Option<Elf>],
    bases: Vec<Option<u64>>,
    pub perf_map: PerfMap<'a>,
    unwinder: UnwinderNative<Part, MayAllocateDuringUnwind>,
    cache: CacheNative<MayAllocateDuringUnwind>,
}

/// An address of code, where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Of code, not the return address behind it.
    pub address: u64,
    /// The number of the file that is mapped there; None for memory without one.
    pub file: Option<usize>,
    /// The file's own address, of a file that is not there the offset in it; None without a file, and
    /// where its code is not mapped.
    pub own: Option<u64>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Walk {
    /// From the innermost frame.
    pub places: Vec<Place>,
    /// Whether the last of them is the thread's first function.
    pub whole: bool,
}

impl<'a> Space<'a> {
    pub fn new(areas: &'a [Area], elfs: &'a [Option<Elf>], perf_map: PerfMap<'a>) -> Self {
        let elf_of = |area: &Area| elfs.get(area.file?)?.as_ref();
        let bases = areas.iter().map(|area| elf_of(area)?.base_of(area));
        let bases: Vec<_> = bases.collect();
        let mut unwinder = UnwinderNative::new();
        for (area, base) in areas.iter().zip(&bases) {
            if let (Some(elf), Some(base)) = (elf_of(area), base) {
                unwinder.add_module(elf.module(area, *base));
            }
        }
        Self {
            areas,
            elfs,
            bases,
            perf_map,
            unwinder,
            cache: CacheNative::new(),
        }
    }

    fn area_at(&self, address: u64) -> Option<usize> {
        let next = self.areas.partition_point(|area| area.start <= address);
        let index = next.checked_sub(1)?;
        (address < self.areas[index].end).then_some(index)
    }

    fn elf_of(&self, index: usize) -> Option<&'a Elf> {
        self.elfs[self.areas[index].file?].as_ref()
    }

    fn place(&self, index: usize, address: u64) -> Place {
        let area = &self.areas[index];
        // of a file that is not there the offset in it is known: it is the same in the next run
        let is_missing = area.file.is_some() && self.elf_of(index).is_none();
        let offset = is_missing.then(|| area.offset.wrapping_add(address - area.start));
        Place {
            address,
            file: area.file,
            own: self.bases[index].map_or(offset, |base| Some(address.wrapping_sub(base))),
        }
    }

    /// The frames of one sample. What cannot be right ends the walk, which then is not whole: an
    /// address where no code is mapped, a stack pointer that goes back, a return address that no
    /// call has left.
    pub fn walk(&mut self, sample: &Sample) -> Walk {
        let mut walk = Walk {
            places: Vec::new(),
            whole: false,
        };
        let mut registers = machine::registers(sample);
        let mut address = FrameAddress::from_instruction_pointer(sample.ip);
        while let Some(index) = self.area_at(address.address_for_lookup()) {
            if walk.places.len() == MOST_FRAMES {
                break;
            }
            let lookup = address.address_for_lookup();
            walk.places.push(self.place(index, lookup));
            if self.areas[index].file.is_some() && self.bases[index].is_none() {
                break; // without the file there is no telling where its functions keep what
            }
            if self.is_entry(index, lookup) {
                walk.whole = true;
                break;
            }
            let sp = registers.sp();
            let mut reads = 0;
            let mut read = |at: u64| {
                reads += 1;
                word(sample, at)
            };
            let interrupted = self.is_signal_return(index, address.address());
            let next = if self.perf_map.is_python(lookup) {
                machine::leave_trampoline(&mut registers, &mut read)
            } else if interrupted && machine::LEAVES_SIGNALS {
                machine::leave_signal(&mut registers, &mut read)
            } else {
                let cache = &mut self.cache;
                let step = self
                    .unwinder
                    .unwind_frame(address, &mut registers, cache, &mut read);
                // A function that is the first by its unwind table, or by a frame pointer of zero,
                // is known without the stack; a return address of zero is a stack gone wrong.
                walk.whole = matches!(step, Ok(None))
                    && reads == 0
                    && (self.elf_of(index).is_some() || walk.places.len() > 1);
                step.ok().flatten()
            };
            let Some(next) = next else { break };
            let first = walk.places.len() == 1;
            if registers.sp() < sp || (registers.sp() == sp && !first) {
                break;
            }
            if interrupted || self.is_at_signal_return(next) {
                address = FrameAddress::from_instruction_pointer(next);
                continue;
            }
            match FrameAddress::from_return_address(next) {
                Some(to) if self.may_return_to(next) => address = to,
                _ => break,
            }
        }
        walk
    }

    fn is_entry(&self, index: usize, address: u64) -> bool {
        self.elf_of(index)
            .zip(self.bases[index])
            .is_some_and(|(elf, base)| elf.is_entry(address.wrapping_sub(base)))
    }

    fn is_at_signal_return(&self, address: u64) -> bool {
        self.area_at(address)
            .is_some_and(|index| self.is_signal_return(index, address))
    }

    /// Whether the code that returns from a signal handler is at this address.
    fn is_signal_return(&self, index: usize, address: u64) -> bool {
        let length = machine::SIGNAL_RETURN.len();
        self.code_before(index, address.wrapping_add(length as u64), length)
            .is_some_and(|code| code == machine::SIGNAL_RETURN)
    }

    fn code_before(&self, index: usize, end: u64, length: usize) -> Option<&[u8]> {
        self.elf_of(index)?
            .bytes_before(&self.areas[index], end, length)
    }

    /// Whether a call is before this address, as far as the code there can be seen.
    fn may_return_to(&self, address: u64) -> bool {
        let Some(index) = self.area_at(address.wrapping_sub(1)) else {
            return false;
        };
        let Some(elf) = self.elf_of(index) else {
            return true;
        };
        self.code_before(index, address, machine::LONGEST_CALL)
            .is_some_and(|code| {
                machine::ends_with_call(code) || (elf.is_go && machine::ends_with_nop(code))
            })
    }
}

/// A word of the copied stack.
fn word(sample: &Sample, at: u64) -> Result<u64, ()> {
    let from = usize::try_from(at.checked_sub(sample.sp).ok_or(())?).map_err(|_| ())?;
    let bytes = sample
        .stack
        .get(from..from.checked_add(8).ok_or(())?)
        .ok_or(())?;
    Ok(u64::from_ne_bytes(bytes.try_into().map_err(|_| ())?))
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    const CODE: u64 = 0x10_0000;
    const SP: u64 = 0x7000_0000;

    fn areas() -> Vec<Area> {
        let (start, end) = (CODE, CODE + 0x10000);
        vec![Area {
            start,
            end,
            offset: 0,
            file: None,
        }]
    }

    fn walk(stack: &[u64], fp: u64, names: &[u8]) -> (Vec<u64>, bool) {
        let bytes: Vec<u8> = stack.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let areas = areas();
        let mut space = Space::new(&areas, &[], PerfMap::parse(names));
        let sample = Sample {
            view: 0,
            ip: CODE + 1,
            sp: SP,
            fp,
            lr: 0,
            stack: &bytes,
        };
        let walk = space.walk(&sample);
        (
            walk.places.iter().map(|place| place.address).collect(),
            walk.whole,
        )
    }

    #[test]
    fn frame_pointers_lead_through_code_that_was_made_at_run_time() {
        let stack = [0, SP + 24, CODE + 0x200, 0, CODE + 0x300];
        assert_eq!(
            walk(&stack, SP + 8, b""),
            (vec![CODE + 1, CODE + 0x1ff, CODE + 0x2ff], true)
        );
    }

    #[test]
    fn a_place_in_a_file_that_is_not_there_is_the_offset_in_it() {
        let mut areas = areas();
        (areas[0].offset, areas[0].file) = (0x5000, Some(0));
        let mut space = Space::new(&areas, &[None], PerfMap::parse(b""));
        let sample = Sample {
            view: 0,
            ip: CODE + 1,
            sp: SP,
            fp: 0,
            lr: 0,
            stack: &[],
        };
        let found = space.walk(&sample);
        assert_eq!((found.places[0].own, found.whole), (Some(0x5001), false));
    }

    #[test]
    fn a_return_address_without_code_ends_the_stack() {
        let stack = [0, SP + 24, 0x4141_4141, 0, CODE + 0x300];
        assert_eq!(walk(&stack, SP + 8, b""), (vec![CODE + 1], false));
    }

    #[test]
    fn a_return_address_of_zero_is_not_the_root() {
        let stack = [0, SP + 24, CODE + 0x200, SP + 40, 0];
        assert_eq!(
            walk(&stack, SP + 8, b""),
            (vec![CODE + 1, CODE + 0x1ff], false)
        );
    }

    #[test]
    fn a_frame_pointer_that_goes_back_ends_the_stack() {
        let stack = [SP + 8, CODE + 0x400, SP, CODE + 0x200];
        assert_eq!(
            walk(&stack, SP + 16, b""),
            (vec![CODE + 1, CODE + 0x1ff], false)
        );
    }

    #[test]
    fn without_stack_or_code_there_is_only_the_instruction() {
        assert_eq!(walk(&[], SP + 8, b""), (vec![CODE + 1], false));
        assert_eq!(
            walk(&[], 0, b""),
            (vec![CODE + 1], false),
            "no frame pointer, no table"
        );
    }

    #[test]
    fn a_trampoline_of_python_has_its_return_address_behind_eight_bytes() {
        let trampoline = format!("{CODE:x} 20 py::f:/a.py");
        let stack = [0xdead, CODE + 0x200, SP + 24, CODE + 0x300];
        let (places, _) = walk(&stack, SP + 0x1000, trampoline.as_bytes());
        assert_eq!(
            places,
            vec![CODE + 1, CODE + 0x1ff],
            "the frame pointer is another's"
        );
        let framed = [SP + 24, CODE + 0x200, 0, 0, CODE + 0x300];
        let (places, whole) = walk(&framed, SP, trampoline.as_bytes());
        assert_eq!(
            (places, whole),
            (vec![CODE + 1, CODE + 0x1ff, CODE + 0x2ff], true)
        );
    }

    #[test]
    fn a_stack_is_cut_off_when_it_is_too_deep() {
        let frames = 600;
        let stack: Vec<u64> = (1..=frames)
            .flat_map(|number| [SP + number * 16, CODE + 0x200])
            .collect();
        let (places, whole) = walk(&stack, SP, b"");
        assert_eq!((places.len(), whole), (MOST_FRAMES, false));
    }
}
