//! What the unwinder needs of an ELF file: where it lies in memory, its unwind tables, its code.

use std::fs::File;
use std::mem::ManuallyDrop;
use std::ops::{Deref, Range};
use std::os::fd::FromRawFd;
use std::sync::Arc;

use framehop::{Module, ModuleSectionInfo};
use gimli::{BaseAddresses, EhFrame, EhFrameHdr, LittleEndian, UnwindSection};
use memmap2::Mmap;
use object::elf::PF_X;
use object::{Object, ObjectSection, ObjectSegment, SegmentFlags};

use crate::wire::Area;

const PAGE: u64 = 4096;
/// DW_EH_PE_omit: the index of the unwind table has no table of places to search in.
const OMITTED: u8 = 0xff;
/// The bytes of a dynamic linker's first instructions, up to its first call.
const FIRST_CALL: u64 = 8;

/// An inherited descriptor's file in memory; None where it cannot be mapped or is empty.
pub fn map(descriptor: i32) -> Option<Mmap> {
    // SAFETY: the descriptor stays open; ManuallyDrop keeps this File from closing it.
    let file = ManuallyDrop::new(unsafe { File::from_raw_fd(descriptor) });
    // SAFETY: whoever changes or truncates the file meanwhile gives wrong names or a SIGBUS, which
    // ends this program; tracer expects both of it.
    let map = unsafe { Mmap::map(&*file) }.ok()?;
    (!map.is_empty()).then_some(map)
}

/// A part of a file, which keeps the whole in memory.
#[derive(Clone)]
pub struct Part(Arc<Mmap>, Range<usize>);

impl Deref for Part {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0[self.1.clone()]
    }
}

struct Segment {
    address: u64,
    offset: u64,
    size: u64,
    is_code: bool,
}

/// A section's own address range, and its content.
type Section = (Range<u64>, Part);

pub struct Elf {
    map: Arc<Mmap>,
    segments: Vec<Segment>,
    text: Option<Range<u64>>,
    eh_frame: Option<Section>,
    eh_frame_hdr: Option<Section>,
    debug_frame: Option<Section>,
    entry: u64,
    pub is_go: bool,
}

impl Elf {
    /// None where it is no ELF file.
    pub fn open(descriptor: i32) -> Option<Self> {
        let map = Arc::new(map(descriptor)?);
        let file = object::File::parse(&map[..]).ok()?;
        let section = |name: &str| -> Option<Section> {
            let section = file.section_by_name(name)?;
            if section.compressed_file_range().ok()?.format != object::CompressionFormat::None {
                return None;
            }
            let (offset, size) = section.file_range()?;
            let start = usize::try_from(offset).ok()?;
            let end = start.checked_add(usize::try_from(size).ok()?)?;
            let address = section.address();
            (end <= map.len()).then_some((
                address..address.checked_add(size)?,
                Part(map.clone(), start..end),
            ))
        };
        let text = file
            .section_by_name(".text")
            .and_then(|text| Some(text.address()..text.address().checked_add(text.size())?));
        let segments = file
            .segments()
            .map(|segment| Segment {
                address: segment.address(),
                offset: segment.file_range().0,
                size: segment.file_range().1,
                is_code: matches!(segment.flags(),
                    SegmentFlags::Elf { p_flags } if p_flags & PF_X != 0),
            })
            .collect();
        let index = section(".eh_frame_hdr").filter(|index| index.1.get(3) != Some(&OMITTED));
        Some(Self {
            segments,
            text,
            eh_frame: section(".eh_frame").filter(|table| table.1.len() > 4),
            eh_frame_hdr: index,
            debug_frame: section(".debug_frame"),
            entry: file.entry(),
            is_go: file.section_by_name(".gopclntab").is_some()
                || file.section_by_name(".go.buildinfo").is_some(),
            map: map.clone(),
        })
    }

    /// What is to be added to the file's own addresses where `area` maps its code.
    ///
    /// From the executable segment: in others the offset can differ from the address otherwise.
    pub fn base_of(&self, area: &Area) -> Option<u64> {
        let segment = self.segments.iter().find(|segment| {
            segment.is_code
                && segment.offset / PAGE * PAGE <= area.offset
                && area.offset < segment.offset.saturating_add(segment.size)
        })?;
        let own = segment
            .address
            .wrapping_add(area.offset.wrapping_sub(segment.offset));
        Some(area.start.wrapping_sub(own))
    }

    /// Whether this own address is where the kernel begins the program, up to its first call: a
    /// dynamic linker has no unwind table there.
    pub fn is_entry(&self, address: u64) -> bool {
        (self.entry..self.entry.saturating_add(FIRST_CALL)).contains(&address)
    }

    /// Where the function at this own address begins, by the index of the unwind table; None where
    /// that has none there.
    pub fn function_start(&self, address: u64) -> Option<u64> {
        let (tables, index) = (self.eh_frame.as_ref()?, self.eh_frame_hdr.as_ref()?);
        let bases = BaseAddresses::default()
            .set_eh_frame(tables.0.start)
            .set_eh_frame_hdr(index.0.start);
        let parsed = EhFrameHdr::new(&index.1, LittleEndian)
            .parse(&bases, 8)
            .ok()?;
        let frames = EhFrame::new(&tables.1, LittleEndian);
        let table = parsed.table()?;
        let found = table.fde_for_address(&frames, &bases, address, EhFrame::cie_from_offset);
        Some(found.ok()?.initial_address())
    }

    /// `length` bytes of what `area` maps, up to the address `end`; None where it is not all there.
    pub fn bytes_before(&self, area: &Area, end: u64, length: usize) -> Option<&[u8]> {
        let inside = end.checked_sub(area.start)?.checked_add(area.offset)?;
        let end = usize::try_from(inside).ok()?;
        self.map.get(end.checked_sub(length)?..end)
    }

    /// What framehop takes: the area, with the file's unwind tables.
    pub fn module(&self, area: &Area, base: u64) -> Module<Part> {
        // framehop keeps places in 32 bits, counted from the first page of the file
        let first = self.segments.iter().map(|segment| segment.address).min();
        let first = first.unwrap_or(0) / PAGE * PAGE;
        let range = area.start..area.end;
        Module::new(
            String::new(),
            range,
            base.wrapping_add(first),
            Tables(self, first),
        )
    }
}

/// The unwind tables of a file, and the address of its first page.
struct Tables<'a>(&'a Elf, u64);

impl Tables<'_> {
    fn section(&self, name: &[u8]) -> Option<&Section> {
        match name {
            b".eh_frame" => self.0.eh_frame.as_ref(),
            b".eh_frame_hdr" => self.0.eh_frame_hdr.as_ref(),
            b".debug_frame" => self.0.debug_frame.as_ref(),
            _ => None,
        }
    }
}

impl ModuleSectionInfo<Part> for Tables<'_> {
    fn base_svma(&self) -> u64 {
        self.1
    }

    fn section_svma_range(&mut self, name: &[u8]) -> Option<Range<u64>> {
        match name {
            b".text" => self.0.text.clone(),
            _ => self.section(name).map(|(range, _)| range.clone()),
        }
    }

    fn section_data(&mut self, name: &[u8]) -> Option<Part> {
        self.section(name).map(|(_, part)| part.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    fn itself() -> Elf {
        let file = File::open("/proc/self/exe").unwrap();
        Elf::open(file.as_raw_fd()).unwrap()
    }

    /// Where this program's code is, by /proc.
    fn own_code() -> Area {
        let exe = std::fs::read_link("/proc/self/exe").unwrap();
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let line = maps
            .lines()
            .find(|line| line.contains("r-xp") && line.ends_with(exe.to_str().unwrap()))
            .unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        let (start, end) = words[0].split_once('-').unwrap();
        let number = |text| u64::from_str_radix(text, 16).unwrap();
        Area {
            start: number(start),
            end: number(end),
            offset: number(words[2]),
            file: Some(0),
        }
    }

    #[test]
    fn an_address_of_this_program_is_found_in_its_file() {
        let (elf, code) = (itself(), own_code());
        let base = elf.base_of(&code).unwrap();
        let here = own_code as *const () as u64;
        let text = elf.text.clone().unwrap();
        assert!(
            text.contains(&(here - base)),
            "{here:#x} {base:#x} {text:x?}"
        );
        let bytes = elf.bytes_before(&code, here + 8, 8).unwrap();
        // SAFETY: the code of this very program
        assert_eq!(bytes, unsafe {
            std::slice::from_raw_parts(here as *const u8, 8)
        });
        assert!(elf.eh_frame.is_some() && !elf.is_go);
    }

    #[test]
    fn a_function_begins_where_its_unwind_table_says() {
        let elf = itself();
        let base = elf.base_of(&own_code()).unwrap();
        let start = own_code as *const () as u64 - base;
        assert_eq!(elf.function_start(start), Some(start));
        assert_eq!(elf.function_start(start + 5), Some(start));
        assert_eq!(elf.function_start(0), None);
    }

    #[test]
    fn a_program_begins_at_its_entry() {
        let elf = itself();
        let entry = elf.entry;
        assert!(elf.text.clone().unwrap().contains(&entry));
        assert!(elf.is_entry(entry) && elf.is_entry(entry + 7));
        assert!(!elf.is_entry(entry + 8) && !elf.is_entry(entry - 1));
    }

    #[test]
    fn what_is_no_elf_file_is_none() {
        let file = File::open("/proc/self/exe").unwrap();
        assert!(Elf::open(file.as_raw_fd()).is_some());
        let file = File::open("/dev/null").unwrap();
        assert!(Elf::open(file.as_raw_fd()).is_none());
        let file = File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
        assert!(Elf::open(file.as_raw_fd()).is_none());
        assert!(Elf::open(12345).is_none(), "not open");
    }
}
