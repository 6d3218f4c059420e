//! Names, files and lines of a Go program from the table that its runtime has of them.
//!
//! The table is there when the program was stripped too. Its form is that of Go 1.18 and later
//! (Go's runtime/symtab.go, and debug/gosym/pclntab.go, which reads it).

use object::{Object, ObjectSection};

use crate::elf;
use crate::names::{shortened, Function};

/// Of Go 1.18 and 1.19, and of Go 1.20 and later.
const MAGICS: [u32; 2] = [0xffff_fff0, 0xffff_fff1];
/// What the header holds before its first offset.
const HEADER: usize = 8;
const WORD: usize = 8;
/// Where the members of a function's record are: its name, its tables of files and lines, the
/// number of its further tables, its unit, and those tables (Go 1.20 put a member before them).
const NAME: usize = 4;
const FILES: usize = 20;
const LINES: usize = 24;
const TABLES: usize = 28;
const UNIT: usize = 32;
const FIRST_TABLE: [usize; 2] = [40, 44];
/// The further table that says what is inlined where (PCDATA_InlTreeIndex): -1 for nothing.
const INLINED: usize = 2;
/// The most steps through a table of one function.
const MOST_STEPS: usize = 1 << 20;

pub struct Table<'a> {
    first_table: usize,
    quantum: u64,
    functions: usize,
    text: u64,
    names: &'a [u8],
    units: &'a [u8],
    files: &'a [u8],
    values: &'a [u8],
    index: &'a [u8],
}

/// The functions at these addresses of the file, as `names::functions` gives them; None where it
/// has no such table.
pub fn functions(descriptor: i32, addresses: &[u64]) -> Option<Vec<Vec<Function>>> {
    let map = elf::map(descriptor)?;
    let file = object::File::parse(&map[..]).ok()?;
    let section = file
        .section_by_name(".gopclntab")
        .or_else(|| file.section_by_name(".data.rel.ro.gopclntab"))?;
    let text = file.section_by_name(".text")?.address();
    let table = Table::parse(section.data().ok()?, text)?;
    let at = |address: &u64| table.at(*address).unwrap_or_default();
    Some(addresses.iter().map(at).collect())
}

impl<'a> Table<'a> {
    /// `text` is the address of the section of code, for tables that do not say it.
    pub fn parse(data: &'a [u8], text: u64) -> Option<Self> {
        let magic = number(data, 0)?;
        let version = MAGICS.iter().position(|known| *known == magic)?;
        if data.get(4..6)? != [0, 0] || data.get(7)? != &8 {
            return None;
        }
        let word = |at: usize| -> Option<u64> {
            let from = HEADER + at * WORD;
            let bytes = data.get(from..from + WORD)?;
            Some(u64::from_le_bytes(bytes.try_into().ok()?))
        };
        let part = |at: usize| data.get(usize::try_from(word(at)?).ok()?..);
        let stated = word(2)?;
        Some(Self {
            first_table: FIRST_TABLE[version],
            quantum: u64::from(data[6]),
            functions: usize::try_from(word(0)?).ok()?,
            text: if stated == 0 { text } else { stated },
            names: part(3)?,
            units: part(4)?,
            files: part(5)?,
            values: part(6)?,
            index: part(7)?,
        })
        .filter(|table| table.functions < data.len() / 8)
    }

    /// The function at an address. The table has the line of what is inlined there, but the names
    /// of inlined functions are elsewhere: such a line gets a frame without a name.
    pub fn at(&self, address: u64) -> Option<Vec<Function>> {
        let offset = u32::try_from(address.checked_sub(self.text)?).ok()?;
        let start_of = |row: usize| number(self.index, row * 8);
        // the first row that begins behind the address; the last row is the end of all
        let (mut low, mut high) = (0, self.functions);
        while low < high {
            let middle = low + (high - low) / 2;
            if start_of(middle)? <= offset {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let row = low.checked_sub(1)?;
        if row + 1 == self.functions && start_of(row + 1)? <= offset {
            return None;
        }
        let record = self
            .index
            .get(number(self.index, row * 8 + 4)? as usize..)?;
        let distance = u64::from(offset - number(record, 0)?.min(offset));
        let name = text(self.names, number(record, NAME)?)?;
        let place = Function {
            name: String::new(),
            file: self
                .file(record, distance)
                .map_or_else(String::new, |file| shortened(&file)),
            line: self.line(record, distance).unwrap_or(0),
            inlined: true,
        };
        let outer = Function {
            name: shortened(&name),
            inlined: false,
            ..place.clone()
        };
        if !self.is_inlined(record, distance) {
            return Some(vec![outer]);
        }
        let outer = Function {
            file: String::new(),
            line: 0,
            ..outer
        };
        Some(vec![place, outer])
    }

    fn line(&self, record: &[u8], distance: u64) -> Option<u32> {
        u32::try_from(self.value(number(record, LINES)?, distance)?).ok()
    }

    fn is_inlined(&self, record: &[u8], distance: u64) -> bool {
        let table = number(record, TABLES)
            .filter(|count| *count > INLINED as u32)
            .and_then(|_| number(record, self.first_table + INLINED * 4));
        table
            .filter(|table| *table != 0)
            .and_then(|table| self.value(table, distance))
            .is_some_and(|index| index >= 0)
    }

    fn file(&self, record: &[u8], distance: u64) -> Option<String> {
        let number_in_unit = u32::try_from(self.value(number(record, FILES)?, distance)?).ok()?;
        let row = number(record, UNIT)?.checked_add(number_in_unit)? as usize;
        text(self.files, number(self.units, row.checked_mul(4)?)?)
    }

    /// The value that holds at this distance from the start of a function. The table alternates
    /// between the difference of a value from the last one and the distance over which it holds.
    fn value(&self, table: u32, distance: u64) -> Option<i64> {
        let mut bytes = self.values.get(table as usize..)?.iter();
        let (mut value, mut end) = (-1_i64, 0_u64);
        for step in 0..MOST_STEPS {
            let coded = varint(&mut bytes)?;
            if coded == 0 && step > 0 {
                return None;
            }
            value += i64::from(coded >> 1) ^ -i64::from(coded & 1);
            end += u64::from(varint(&mut bytes)?) * self.quantum;
            if distance < end {
                return Some(value);
            }
        }
        None
    }
}

fn number(data: &[u8], at: usize) -> Option<u32> {
    let bytes = data.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

fn text(data: &[u8], at: u32) -> Option<String> {
    let rest = data.get(at as usize..)?;
    let end = rest.iter().take(1 << 16).position(|byte| *byte == 0)?;
    Some(String::from_utf8_lossy(&rest[..end]).into_owned())
}

fn varint<'a>(bytes: &mut impl Iterator<Item = &'a u8>) -> Option<u32> {
    let mut value = 0;
    for shift in (0..32).step_by(7) {
        let byte = *bytes.next()?;
        value |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
