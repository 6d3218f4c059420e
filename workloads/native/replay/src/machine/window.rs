//! The window: when it opens and closes, and the pieces that go on at its end.

use super::Machine;
use crate::chain::{Piece, OPEN, OWN};
use crate::parts::*;
use crate::threads::Thread;
use crate::wire::Event;

impl Machine<'_> {
    pub(super) fn open(&mut self, now: i64) {
        self.start = now;
        self.window = 1;
        self.is_open = true;
    }

    pub(super) fn edge(&mut self, e: &Event) {
        if e.extra == 1 {
            let row = self.row(e.slot);
            self.meet(row, true);
            self.open(e.at);
            self.opener = e.slot;
            self.renew_now(row);
        } else if e.extra == 2 && self.closed.is_none() {
            self.close(e);
        }
    }

    /// The one that ends the window runs here and ends it by a call; or it has ended already, and the
    /// process with the last of its threads.
    fn close(&mut self, e: &Event) {
        let row = self.row(e.slot);
        self.end_slot = e.slot;
        self.closed = Some((e.cpu, e.at));
        self.is_open = false;
        if row == 0 {
            return;
        }
        self.renew_now(row);
        let t = &mut self.threads[row];
        if t.state != State::Dead {
            t.spend(&mut self.chain, row as u32, t.on_cpu, e.at);
        } else if e.at > t.last {
            let part = SYSCALL_FIRST + CLASS_PROCESS;
            t.path.parts[usize::from(part)] += e.at - t.last;
            t.path.last = self.chain.push(t.piece(row as u32, part, e.at, 0));
            t.last = e.at;
        }
    }

    /// Pieces up to the window's end of all threads that are there then. What the path's last thread
    /// did since its last event is on the path, where tracer closed the window itself.
    pub fn finish(&mut self) {
        let end = self.request.end;
        let alive_awake = self
            .threads
            .iter()
            .any(|t| t.state != State::Dead && !t.unseen && t.state != State::Blocked);
        let latest = self
            .threads
            .iter()
            .map(|t| t.last)
            .filter(|at| *at <= end)
            .max();
        let quiet = if alive_awake {
            end
        } else {
            latest.unwrap_or(end).max(self.start)
        };
        if self.end_slot == 0 {
            self.end_slot = self.busiest();
        }
        let last = self.last_row();
        for row in 1..self.threads.len() {
            if self.threads[row].unseen {
                continue;
            }
            self.renew_now(row);
            if let Some(part) = self.threads[row].present_part() {
                let piece = self.threads[row].piece(row as u32, part, end, OWN | OPEN);
                self.chain.push(piece);
            }
            if row == last && self.closed.is_none() {
                self.end_path(row, end, quiet);
            }
        }
    }

    /// The row of the path's thread.
    pub fn last_row(&mut self) -> usize {
        self.row_if_any(self.end_slot)
    }

    fn end_path(&mut self, row: usize, end: i64, quiet: i64) {
        let t = &self.threads[row];
        let timed = t.blocked == BLOCKED_FIRST + CLASS_SLEEP;
        let (part, from) = match t.present_part() {
            None => return,
            Some(part) if t.state != State::Blocked => (part, t.last),
            Some(_) if timed => (SLEEP, t.last),
            Some(_) => (EXTERNAL, quiet.max(t.last)),
        };
        let mut piece = t.piece(row as u32, part, end, OPEN);
        piece.start = from;
        let ns = (end - from).max(0);
        let t = &mut self.threads[row];
        if from > t.last {
            let unnamed = Piece {
                end: from,
                start: t.last,
                part: UNKNOWN,
                path_part: UNKNOWN,
                ..piece
            };
            piece.before = self.chain.push(unnamed);
        }
        t.path.parts[usize::from(part)] += ns;
        match part {
            SLEEP => t.path.awaited[usize::from(AWAITED_TIMER)] += ns,
            EXTERNAL => t.path.awaited[usize::from(AWAITED_OTHER)] += ns,
            _ => (),
        }
        t.path.last = self.chain.push(piece);
    }

    fn busiest(&self) -> u32 {
        let on_cpu = |t: &Thread| -> i64 { t.own[..=usize::from(KERNEL_WORKERS)].iter().sum() };
        self.threads
            .iter()
            .filter(|t| t.slot > 0)
            .max_by_key(|t| on_cpu(t))
            .map_or(0, |t| t.slot)
    }
}
