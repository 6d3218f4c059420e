//! Threads by their slots, and what is known of them before their first event.

use super::{First, Machine};
use crate::chain::NONE;
use crate::parts::*;
use crate::threads::Thread;

impl Machine<'_> {
    /// The row of the thread that has a slot; 0 for none.
    pub(super) fn row(&mut self, slot: u32) -> usize {
        if slot == 0 {
            return 0;
        }
        let at = slot as usize;
        if self.rows[at] == NONE {
            self.rows[at] = self.threads.len() as u32;
            let (tid, tgid) = self.known.get(&slot).copied().unwrap_or((0, 0));
            let mut thread = Thread::new(slot, 0, tid, tgid);
            thread.last = self.from;
            self.threads.push(thread);
        }
        self.rows[at] as usize
    }

    /// The same for a slot that an event may only name: 0 where no event is of it.
    pub(super) fn row_if_any(&mut self, slot: u32) -> usize {
        if (slot as usize) < self.rows.len() {
            self.row(slot)
        } else {
            0
        }
    }

    /// A thread of which this is the first event: what that tells of its state until now.
    pub(super) fn meet(&mut self, row: usize, was_running: bool) {
        let t = &mut self.threads[row];
        if !t.unseen {
            return;
        }
        t.unseen = false;
        let part = self.find_part(row);
        let t = &mut self.threads[row];
        if was_running {
            t.state = State::Running;
        } else {
            t.state = State::Blocked;
            t.blocked = blocked_in(part, false);
        }
    }

    /// What it does until its first event of a call, which tells.
    fn find_part(&mut self, row: usize) -> u8 {
        let slot = self.threads[row].slot as usize;
        let first = self.firsts.get(slot).copied().unwrap_or(First::Nothing);
        let part = match first {
            First::Entry => USER,
            First::Return(nr) => self.part_of(nr),
            First::Nothing | First::Born => UNKNOWN,
        };
        let t = &mut self.threads[row];
        t.on_cpu = part;
        if let First::Return(nr) = first {
            t.call_nr = nr as i16;
            t.call_start = i64::MIN;
            t.call_off = 0;
        }
        part
    }

    pub(super) fn part_of(&self, nr: u32) -> u8 {
        SYSCALL_FIRST
            + self
                .request
                .classes
                .get(nr as usize)
                .copied()
                .unwrap_or(CLASS_OTHER)
    }

    /// The thread's sums begin with the window, if they have not.
    pub(super) fn renew(&mut self, row: usize) {
        let t = &mut self.threads[row];
        if self.window > 0 && !self.begun[t.slot as usize] {
            t.renew(self.window, self.start);
        }
    }

    pub(super) fn renew_now(&mut self, row: usize) {
        self.threads[row].renew(self.window, self.start);
    }

    /// What a thread does that nobody has seen in a call: its next event of one tells.
    pub(super) fn find_out(&mut self, row: usize) {
        let t = &self.threads[row];
        if t.on_cpu == UNKNOWN && t.seeded {
            self.find_part(row);
        }
    }
}
