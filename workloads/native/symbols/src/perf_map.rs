//! Names of code that was made at run time, from the file that perf defines for them:
//! a line has the address and the size in hexadecimal digits, then the name.

/// The most lines that are read.
const MOST: usize = 4_000_000;

struct Code<'a> {
    start: u64,
    end: u64,
    name: &'a [u8],
}

/// The lines in order of address. The name of memory that was used again is its last one.
pub struct PerfMap<'a>(Vec<Code<'a>>);

impl<'a> PerfMap<'a> {
    pub fn parse(text: &'a [u8]) -> Self {
        let lines = text.split(|byte| *byte == b'\n');
        let mut all: Vec<_> = lines.filter_map(line).take(MOST).collect();
        all.sort_by_key(|code| code.start); // a stable sort: the last line of an address stays last
        Self(all)
    }

    /// The name of the code at this address; of lines that overlap, of the one that begins last.
    pub fn at(&self, address: u64) -> Option<&'a [u8]> {
        /// So many lines that begin before an address are looked at.
        const NEAR: usize = 16;
        let end = self.0.partition_point(|code| code.start <= address);
        self.0[end.saturating_sub(NEAR)..end]
            .iter()
            .rev()
            .find(|code| address < code.end)
            .map(|code| code.name)
    }

    /// Whether the code at this address is a trampoline of Python's perf support.
    pub fn is_python(&self, address: u64) -> bool {
        self.at(address)
            .is_some_and(|name| name.starts_with(b"py::"))
    }
}

fn line(text: &[u8]) -> Option<Code<'_>> {
    let mut words = text.splitn(3, |byte| *byte == b' ');
    let start = hexadecimal(words.next()?)?;
    let size = hexadecimal(words.next()?)?;
    let name = words.next().filter(|name| !name.is_empty())?;
    let end = start.checked_add(size)?;
    Some(Code { start, end, name })
}

fn hexadecimal(word: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(word).ok()?;
    u64::from_str_radix(digits.strip_prefix("0x").unwrap_or(digits), 16).ok()
}

/// Function and file of a name that Python gave, as `py::function:/path/file.py`.
pub fn python_name(name: &str) -> Option<(&str, &str)> {
    let name = name.strip_prefix("py::")?;
    Some(name.split_once(':').unwrap_or((name, "")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_name_of_an_address_holds() {
        let map =
            PerfMap::parse(b"2000 10 py::f:/a b.py\n0x1000 100 old one\n1000 80 new\nbad\n1 2");
        assert_eq!(map.at(0x1000), Some(&b"new"[..]));
        assert_eq!(map.at(0x107f), Some(&b"new"[..]));
        assert_eq!(
            map.at(0x1080),
            Some(&b"old one"[..]),
            "the rest of the longer one"
        );
        assert_eq!(map.at(0x1100), None);
        assert_eq!(map.at(0xfff), None);
        assert!(map.is_python(0x200f) && !map.is_python(0x1000) && !map.is_python(0x2010));
    }

    #[test]
    fn names_of_python() {
        assert_eq!(python_name("py::C.f:/a b.py"), Some(("C.f", "/a b.py")));
        assert_eq!(
            python_name("py::<module>:<string>"),
            Some(("<module>", "<string>"))
        );
        assert_eq!(python_name("LazyCompile:~f /a.js:1"), None);
    }
}
