//! Names, files and lines of the code at a file's own addresses.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::PathBuf;

use blazesym::symbolize::source::{Elf, Source};
use blazesym::symbolize::{CodeInfo, Input, Sym, Symbolized, Symbolizer};

use crate::go;
use crate::wire::File;

/// A longer name is cut off; the chain of functions inlined into each other too.
const LONGEST: usize = 2000;
const MOST_INLINED: usize = 100;

/// A function that an address is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    pub file: String,
    /// 0 where it is unknown.
    pub line: u32,
    pub inlined: bool,
}

/// The functions at each address, from the innermost inlined one to the one that has the code;
/// none where it is unknown.
///
/// The separate debug file comes first: it has what was stripped from the file itself. Then the
/// symbols without debug information, which may be good where that cannot be read.
pub fn functions(file: &File, is_go: bool, addresses: &[u64]) -> Vec<Vec<Function>> {
    let mut found = vec![Vec::new(); addresses.len()];
    let with_debug_info = [(file.debug, true), (file.descriptor, true)];
    let symbols = [(file.debug, false), (file.descriptor, false)];
    let from = if file.has_debug_info { 0 } else { 2 };
    let to = if file.has_symbols { 4 } else { 0 };
    let sources = [with_debug_info, symbols].concat();
    for (descriptor, debug_info) in sources.into_iter().take(to).skip(from) {
        let Some(descriptor) = descriptor else {
            continue;
        };
        fill(&mut found, addresses, |wanted| {
            read(descriptor, debug_info, wanted)
        });
    }
    if let Some(descriptor) = file.descriptor.filter(|_| is_go && file.has_symbols) {
        fill(&mut found, addresses, |wanted| {
            go::functions(descriptor, wanted).unwrap_or_default()
        });
    }
    with_paths(file, addresses, &mut found);
    found
}

/// Looks up the addresses that have no name yet. A reader that panics has found nothing.
fn fill(
    found: &mut [Vec<Function>],
    addresses: &[u64],
    look_up: impl FnOnce(&[u64]) -> Vec<Vec<Function>>,
) {
    let missing: Vec<usize> = (0..found.len())
        .filter(|at| found[*at].is_empty())
        .collect();
    let wanted: Vec<u64> = missing.iter().map(|at| addresses[*at]).collect();
    if wanted.is_empty() {
        return;
    }
    let answer = catch_unwind(AssertUnwindSafe(|| look_up(&wanted)));
    for (at, functions) in missing.into_iter().zip(answer.unwrap_or_default()) {
        found[at] = functions;
    }
}

/// Rust's debug information of lines alone has no paths: `drive`, where the symbol says
/// `tracer_workloads::row::Row::drive`. Of functions inlined into others there is no symbol.
fn with_paths(file: &File, addresses: &[u64], found: &mut [Vec<Function>]) {
    let lacks = |chain: &Vec<Function>| {
        chain
            .last()
            .is_some_and(|outer| outer.file.ends_with(".rs") && !has_path(&outer.name))
    };
    for descriptor in [file.debug, file.descriptor].into_iter().flatten() {
        let mut paths = vec![Vec::new(); found.len()];
        for (path, chain) in paths.iter_mut().zip(found.iter()) {
            if !lacks(chain) {
                path.clone_from(chain);
            }
        }
        fill(&mut paths, addresses, |wanted| {
            read(descriptor, false, wanted)
        });
        for (path, chain) in paths.into_iter().zip(found.iter_mut()) {
            if let (true, Some(path), Some(outer)) = (lacks(chain), path.last(), chain.last_mut()) {
                if has_path(&path.name) {
                    outer.name.clone_from(&path.name);
                }
            }
        }
    }
}

/// Whether a path is before the name: `::` outside of the type arguments behind it.
fn has_path(name: &str) -> bool {
    name.starts_with('<')
        || name
            .split('<')
            .next()
            .is_some_and(|name| name.contains("::"))
}

/// Empty where the file cannot be read.
fn read(descriptor: i32, debug_info: bool, addresses: &[u64]) -> Vec<Vec<Function>> {
    // One for each file: what it keeps of a file is freed with it.
    let symbolizer = Symbolizer::new();
    let mut elf = Elf::new(PathBuf::from(format!("/proc/self/fd/{descriptor}")));
    elf.debug_syms = debug_info;
    match symbolizer.symbolize(&Source::Elf(elf), Input::VirtOffset(addresses)) {
        Ok(all) => all.iter().map(chain).collect(),
        Err(_) => Vec::new(),
    }
}

fn chain(symbolized: &Symbolized) -> Vec<Function> {
    let Symbolized::Sym(symbol) = symbolized else {
        return Vec::new();
    };
    if !covers(symbol) {
        return Vec::new();
    }
    let outer = function(&symbol.name, symbol.code_info.as_deref(), false);
    let inlined = symbol.inlined.iter().rev().take(MOST_INLINED);
    let inlined = inlined.map(|one| function(&one.name, one.code_info.as_ref(), true));
    inlined.chain([outer]).collect()
}

/// Whether the symbol is known to reach as far as the address: not merely the last one before it.
/// A function in several pieces, of which the compiler has put the rare ones elsewhere, has no size and the
/// address 0 in debug information, which has looked at the pieces.
fn covers(symbol: &Sym) -> bool {
    symbol
        .size
        .map_or(symbol.addr == 0, |size| symbol.offset < size)
}

fn function(name: &str, code: Option<&CodeInfo>, inlined: bool) -> Function {
    let path = code.map(|code| code.to_path().to_string_lossy().into_owned());
    Function {
        name: shortened(name),
        file: shortened(&path.unwrap_or_default()),
        line: code.and_then(|code| code.line).unwrap_or(0),
        inlined,
    }
}

/// At most `LONGEST` bytes of a name.
pub fn shortened(name: &str) -> String {
    let mut end = name.len().min(LONGEST);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name[..end].to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_between_characters() {
        assert_eq!(shortened("short"), "short");
        let cut = shortened(&"é".repeat(LONGEST));
        assert_eq!(cut.len(), LONGEST);
        assert_eq!(
            shortened(&format!("x{}", "é".repeat(LONGEST))).len(),
            LONGEST - 1
        );
    }

    fn file(descriptor: Option<i32>) -> File {
        File {
            descriptor,
            debug: None,
            has_symbols: true,
            has_debug_info: true,
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_has_no_names() {
        let broken = file(Some(12345));
        assert_eq!(functions(&broken, false, &[1, 2]), vec![vec![], vec![]]);
        let missing = file(None);
        assert_eq!(functions(&missing, false, &[1]), vec![vec![]]);
    }
}
