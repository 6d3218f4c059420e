//! Every address once, and the stacks in terms of them, until all have names.

use std::collections::HashMap;

use crate::names::{shortened, Function};
use crate::perf_map::python_name;
use crate::walk::{Place, Walk, MOST_FRAMES};
use crate::wire::{self, Frame, Kind, Stack, NONE, PERF_MAP};

/// Where an address lies: in a file, or in the memory of a view.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Home {
    File(usize),
    View(usize),
}

pub struct Places {
    numbers: HashMap<(Home, u64), u32>,
    homes: Vec<(Home, u64)>,
    /// From the innermost one; never empty.
    frames: Vec<Vec<Frame>>,
    stacks: Vec<(Vec<u32>, bool)>,
}

impl Places {
    pub fn new(samples: usize) -> Self {
        Self {
            numbers: HashMap::new(),
            homes: Vec::new(),
            frames: Vec::new(),
            stacks: vec![(Vec::new(), false); samples],
        }
    }

    /// Enters the frames of a sample. `made` gives the name of code that was made at run time.
    pub fn enter(
        &mut self,
        sample: usize,
        view: usize,
        walk: &Walk,
        made: impl Fn(u64) -> Option<(String, Kind)>,
    ) {
        let numbers = walk.places.iter().map(|place| {
            let home = place.file.map_or(Home::View(view), Home::File);
            let address = place.own.unwrap_or(place.address);
            *self.numbers.entry((home, address)).or_insert_with(|| {
                self.homes.push((home, address));
                self.frames.push(vec![unnamed(place, &made)]);
                (self.frames.len() - 1) as u32
            })
        });
        let numbers = numbers.collect();
        self.stacks[sample] = (numbers, walk.whole);
    }

    /// Names the addresses of a file. What has no name gets the address that `start_of` gives, where
    /// its function begins: then all places in a function are one.
    pub fn name(
        &mut self,
        file: usize,
        kind: Kind,
        functions: impl FnOnce(&[u64]) -> Vec<Vec<Function>>,
        start_of: impl Fn(u64) -> Option<u64>,
    ) {
        let own = self.homes.iter().enumerate();
        let own = own.filter(|(_, (home, _))| *home == Home::File(file));
        let (numbers, addresses): (Vec<_>, Vec<_>) =
            own.map(|(number, (_, address))| (number, *address)).unzip();
        if addresses.is_empty() {
            return;
        }
        for (number, chain) in numbers.into_iter().zip(functions(&addresses)) {
            let address = self.homes[number].1;
            if chain.is_empty() {
                self.frames[number][0].address = start_of(address).unwrap_or(address);
                continue;
            }
            let frames = chain.into_iter().map(|function| Frame {
                kind: if function.name.is_empty() {
                    Kind::Unknown
                } else {
                    kind
                },
                function: function.name,
                file: function.file,
                line: function.line,
                inlined: function.inlined,
                module: file as u64,
                address,
            });
            self.frames[number] = frames.collect();
        }
    }

    pub fn answer(self) -> Vec<u8> {
        let mut first = Vec::with_capacity(self.frames.len());
        let mut all: Vec<Frame> = Vec::new();
        let modules: Vec<u64> = self.frames.iter().map(|chain| chain[0].module).collect();
        for chain in self.frames {
            let start = all.len() as u32;
            all.extend(chain);
            first.push(start..all.len() as u32);
        }
        let stacks: Vec<Stack> = self
            .stacks
            .into_iter()
            .map(|(places, whole)| {
                let frames = places
                    .iter()
                    .flat_map(|place| first[*place as usize].clone());
                let mut frames: Vec<u32> = frames.collect();
                let whole = whole && frames.len() <= MOST_FRAMES;
                frames.truncate(MOST_FRAMES);
                let last = places.last().filter(|_| !whole);
                let broke_in = last.map_or(NONE, |place| modules[*place as usize]);
                Stack {
                    whole,
                    broke_in,
                    frames,
                }
            })
            .collect();
        wire::answer(&all, &stacks)
    }
}

fn unnamed(place: &Place, made: impl Fn(u64) -> Option<(String, Kind)>) -> Frame {
    let mut frame = Frame {
        function: String::new(),
        file: String::new(),
        line: 0,
        inlined: false,
        kind: Kind::Unknown,
        module: place.file.map_or(NONE, |file| file as u64),
        address: place.own.unwrap_or(place.address),
    };
    let name = if place.file.is_none() {
        made(place.address)
    } else {
        None
    };
    if let Some((name, kind)) = name {
        let python = python_name(&name);
        let (function, file) = python.unwrap_or((&name, ""));
        frame.function = shortened(function);
        frame.file = shortened(file);
        frame.kind = python.map_or(kind, |_| Kind::Python);
        frame.module = PERF_MAP;
    }
    frame
}
