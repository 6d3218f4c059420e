//! What threads did, piece by piece, each linked to the piece before it on the path.
//!
//! A piece is an interval in which one thread was in one state. A thread's own pieces tile its life
//! in the window. The path to a thread is found backwards from its last piece: `before` is the piece
//! of the same thread, or, where another one woke it, a piece of the waker that ends there.

use std::io::{self, Write};

pub const NONE: u32 = u32::MAX;
/// A state of the thread's own; else a part of one that another thread's path takes over.
pub const OWN: u8 = 1;
/// It goes on at the window's end.
pub const OPEN: u8 = 2;
pub const PIECE_BYTES: usize = 40;

#[derive(Clone, Copy, Debug)]
pub struct Piece {
    pub start: i64,
    pub end: i64,
    pub row: u32,
    /// Who ended it, where that was a thread of the target: its row.
    pub waker: u32,
    pub before: u32,
    pub cpu: u16,
    pub nr: i16,
    pub part: u8,
    /// What it is on a path: a sleep may be `external` there.
    pub path_part: u8,
    pub source: u8,
    pub wait: u8,
    pub flags: u8,
}

#[derive(Default)]
pub struct Chain {
    pub pieces: Vec<Piece>,
}

impl Chain {
    pub fn push(&mut self, piece: Piece) -> u32 {
        let index = self.pieces.len();
        if piece.end <= piece.start || index >= NONE as usize {
            return piece.before;
        }
        self.pieces.push(piece);
        index as u32
    }

    /// The path that ends with piece `last`, in order of time, from `start` on.
    pub fn path(&self, last: u32, start: i64) -> Vec<Piece> {
        let mut found: Vec<Piece> = Vec::new();
        let mut next = last;
        while let Some(piece) = self.pieces.get(next as usize) {
            if piece.end <= start {
                break;
            }
            let mut piece = *piece;
            piece.start = piece.start.max(start);
            next = piece.before;
            match found.last_mut() {
                // a thread that woke others on its way: one piece
                Some(later)
                    if later.row == piece.row
                        && later.path_part == piece.path_part
                        && later.nr == piece.nr
                        && later.cpu == piece.cpu
                        && later.start == piece.end
                        && later.wait == piece.wait =>
                {
                    later.start = piece.start
                }
                _ => found.push(piece),
            }
        }
        found.reverse();
        found
    }

    /// The threads' own states inside the window.
    pub fn segments(&self, start: i64, end: i64) -> impl Iterator<Item = Piece> + '_ {
        self.pieces.iter().filter_map(move |piece| {
            let mut piece = *piece;
            piece.start = piece.start.max(start);
            piece.end = piece.end.min(end);
            (piece.flags & OWN != 0 && piece.start < piece.end).then_some(piece)
        })
    }
}

/// A thread's row in the answer, which has none for "no thread".
pub fn told(row: u32) -> u32 {
    if row == NONE {
        NONE
    } else {
        row.wrapping_sub(1)
    }
}

/// A row of the answer's `segments`.
pub fn put(piece: &Piece, to: &mut dyn Write) -> io::Result<()> {
    let mut row = [0; PIECE_BYTES];
    row[..8].copy_from_slice(&piece.start.to_le_bytes());
    row[8..16].copy_from_slice(&piece.end.to_le_bytes());
    row[16..20].copy_from_slice(&told(piece.row).to_le_bytes());
    row[20..24].copy_from_slice(&told(piece.waker).to_le_bytes());
    row[24..26].copy_from_slice(&piece.cpu.to_le_bytes());
    row[26..28].copy_from_slice(&piece.nr.to_le_bytes());
    row[28] = piece.part;
    row[29] = piece.path_part;
    row[30] = piece.source;
    row[31] = piece.wait;
    row[32] = piece.flags & OPEN;
    to.write_all(&row)
}
