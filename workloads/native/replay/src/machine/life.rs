//! Threads' lives: what is told of them when their sums begin, birth, names, death.

use super::Machine;
use crate::parts::*;
use crate::threads::Thread;
use crate::wire::Event;

impl Machine<'_> {
    pub(super) fn begin(&mut self, e: &Event) {
        let row = self.row(e.slot);
        if row == 0 {
            return;
        }
        if self.window > 0 {
            self.renew_now(row);
        }
        let is_new = self.threads[row].unseen;
        self.meet(row, false);
        let t = &mut self.threads[row];
        let (on_cpu, blocked) = (e.extra as u8, (e.extra >> 8) as u8);
        t.is_worker = e.extra >> 24 & 1 != 0;
        if usize::from(on_cpu) < N_PATH && (is_new || t.on_cpu == UNKNOWN) {
            t.on_cpu = on_cpu;
            t.goes_on_with = on_cpu;
            if t.is_in_call() {
                t.call_nr = (e.what >> 40).min(N_CALLS as u64 - 1) as i16;
            }
        }
        if let (true, Some(state)) = (is_new, State::of(e.bits(0, 8) as u8)) {
            t.state = state;
            t.source = ((e.extra >> 16) as u8).min(N_SOURCES as u8 - 1);
            if usize::from(blocked) < N_OWN {
                t.blocked = blocked;
            }
        }
        let tid = e.bits(8, 32) as u32;
        if tid != 0 {
            t.tid = tid;
        }
    }

    pub(super) fn new_thread(&mut self, e: &Event) {
        let parent = self.row(e.slot);
        let slot = e.other();
        if parent == 0 || slot == 0 {
            return;
        }
        self.meet(parent, true);
        self.renew(parent);
        let t = &mut self.threads[parent];
        t.spend(&mut self.chain, parent as u32, t.on_cpu, e.at);
        let (window, last, path) = (t.window, t.last, t.path);
        let old = self.rows[slot as usize];
        let life = self.threads.get(old as usize).map_or(0, |old| old.life + 1);
        let tid = e.extra;
        let mut child = Thread::new(slot, life, tid, e.bits(32, 32) as u32);
        child.unseen = false;
        child.seeded = false;
        child.fresh = true;
        child.is_worker = e.bits(31, 1) == 1;
        child.on_cpu = if child.is_worker {
            KERNEL_WORKERS
        } else {
            USER
        };
        child.blocked = BLOCKED_FIRST + CLASS_OTHER;
        child.state = State::Waking;
        child.waker = parent as u32;
        child.waking_cpu = e.cpu;
        child.window = window;
        child.last = last;
        child.birth = e.at;
        child.woken = e.at;
        child.came_in = e.at;
        child.went_out = e.at;
        child.path = path;
        child.cpu = e.cpu;
        self.rows[slot as usize] = self.threads.len() as u32;
        self.begun[slot as usize] = false;
        let row = self.threads.len();
        self.threads.push(child);
        self.queue_begins(row, e.cpu, e.at);
    }

    pub(super) fn dying(&mut self, e: &Event) {
        let row = self.row(e.slot);
        if row == 0 {
            return;
        }
        self.meet(row, true);
        self.renew(row);
        let t = &mut self.threads[row];
        t.spend(&mut self.chain, row as u32, t.on_cpu, e.at);
        if !t.is_worker {
            t.on_cpu = SYSCALL_FIRST + CLASS_PROCESS;
        }
    }

    pub(super) fn exec(&mut self, e: &Event) {
        let row = self.row(e.slot);
        let (tid, old_tid) = (e.extra, e.what as u32);
        if row == 0 || tid == old_tid {
            return;
        }
        // the group's leader, which ends, gets the number that this thread had
        let leader = self
            .threads
            .iter()
            .position(|t| t.slot != e.slot && t.tid == tid && t.state != State::Dead);
        if let Some(leader) = leader {
            self.threads[leader].tid = old_tid;
        }
        self.threads[row].tid = tid;
    }

    pub(super) fn name(&mut self, e: &Event) {
        let row = self.row(e.slot);
        let at = 8 * (e.extra & 1) as usize;
        self.threads[row].comm[at..at + 8].copy_from_slice(&e.what.to_le_bytes());
    }
}
