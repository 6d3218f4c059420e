//! Context switches: one thread leaves a CPU, another one comes.

use super::Machine;
use crate::chain::NONE;
use crate::parts::*;
use crate::wire::Event;

impl Machine<'_> {
    pub(super) fn switch(&mut self, e: &Event) {
        let (cpu, now) = (usize::from(e.cpu), e.at);
        let (next_slot, next_tid) = (e.other(), e.extra);
        let prev_state = e.bits(32, 8) as u8;
        let prev = self.runs(e.cpu, e.slot, now);
        let was_idle = self.cpus[cpu].tid == 0;
        let prev_is_idle = e.slot == 0
            && if self.tells_idle {
                e.bits(44, 1) == 1
            } else {
                was_idle
            };
        self.cpus[cpu].spend(now, self.window, self.start);
        if prev != 0 {
            self.switch_out(prev, e, prev_state);
        }
        if prev_is_idle {
            self.cpus[cpu].idle_out = Some(now);
        }
        let next = self.row(next_slot);
        if next_tid == 0 && next == 0 {
            self.cpus[cpu].idle_in = Some(now);
        }
        if next != 0 {
            if self.threads[next].tid == 0 {
                self.threads[next].tid = next_tid;
            }
            self.switch_in(next, e.cpu, now);
        }
        let k = &mut self.cpus[cpu];
        k.tid = next_tid;
        k.slot = next_slot;
        k.comes(now, if next == 0 { NONE } else { next as u32 }, next_tid);
    }

    fn switch_out(&mut self, row: usize, e: &Event, prev_state: u8) {
        let (now, start) = (e.at, self.start);
        let is_preempted = e.bits(40, 1) == 1 || prev_state == 0;
        self.renew(row);
        let t = &mut self.threads[row];
        t.spend(&mut self.chain, row as u32, t.on_cpu, now);
        t.cpu = e.cpu;
        if self.is_open || self.closed == Some((e.cpu, now)) {
            let ns = now - t.came_in.max(start);
            self.counts.ran[usize::from(t.wait.min(WAIT_UNKNOWN))].add(ns);
            self.split(row, e.cpu, prev_state & 0x80 == 0 && is_preempted);
        }
        let t = &mut self.threads[row];
        t.went_out = now;
        if prev_state & 0x80 != 0 {
            // as getrusage counts: the kernel adds up a thread before its last switch, the first one
            // of a process after it
            t.voluntary += u64::from(t.tid == t.tgid);
            t.state = State::Dead;
            t.death = now;
            t.pending = None;
        } else if is_preempted {
            t.involuntary += 1;
            let yields = e.bits(42, 1) == 1;
            t.yielded += u64::from(yields);
            t.state = if yields {
                State::Yielded
            } else {
                State::Preempted
            };
            self.queue_begins(row, e.cpu, now);
            self.threads[row].queue.is_throttled = e.bits(43, 1) == 1;
        } else {
            t.voluntary += 1;
            t.blocked = if prev_state & 0x0c != 0 {
                STOPPED
            } else {
                blocked_in(t.on_cpu, t.is_worker)
            };
            t.state = State::Blocked;
            if e.bits(41, 1) == 1 {
                t.state = State::WakingEarly;
                t.woken = now;
                self.queue_begins(row, e.cpu, now);
            }
            if let Some(pending) = self.threads[row].pending.take() {
                self.end_sleep(row, &pending);
            }
        }
    }

    fn switch_in(&mut self, row: usize, cpu: u16, now: i64) {
        let was_unseen = self.threads[row].unseen;
        self.meet(row, false);
        self.renew(row);
        if let Some(pending) = self.threads[row].pending.take() {
            // its switch-out is missing
            self.counts.impossible += 1;
            let t = &mut self.threads[row];
            t.spend(&mut self.chain, row as u32, UNKNOWN, pending.at);
            self.end_sleep(row, &pending);
        }
        let (wait, part) = self.wait_of(row, cpu, was_unseen);
        self.waited(row, cpu, wait, now);
        if matches!(part, WAKEUP_QUEUED | PREEMPTED | YIELDED) {
            self.queue_ends(row, now);
        }
        let start = self.start;
        let t = &mut self.threads[row];
        t.wait = wait;
        t.cpu = cpu;
        t.spend_waiting(&mut self.chain, row as u32, part, now);
        t.call_off += t.off_cpu(now, start);
        t.path.resumed[match t.on_cpu {
            USER => 0,
            part if IO_CLASSES.contains(&part.wrapping_sub(SYSCALL_FIRST)) => 1,
            _ => 2,
        }] += 1;
        t.came_in = now;
        t.state = State::Running;
        self.find_out(row);
        self.threads[row].seeded = false;
    }

    /// What a thread that comes in had waited for, and the part that its wait counts under.
    fn wait_of(&mut self, row: usize, cpu: u16, was_unseen: bool) -> (u8, u8) {
        let t = &self.threads[row];
        match t.state {
            State::Waking | State::WakingEarly => {
                let was_idle = self.cpus[usize::from(cpu)].was_idle(t.woken);
                let part = if was_idle { WAKEUP_IDLE } else { WAKEUP_QUEUED };
                let by_interrupt = t.source != SOURCE_PROCESS && t.source < SOURCE_KERNEL_THREAD;
                let wait = match (by_interrupt, t.waking_cpu == cpu, was_idle) {
                    (true, _, _) => WAIT_INTERRUPT,
                    (_, true, _) => WAIT_SAME_CPU,
                    (_, _, true) => WAIT_CROSS_IDLE,
                    _ => WAIT_CROSS_BUSY,
                };
                (wait, part)
            }
            State::Preempted => (WAIT_PREEMPTED, PREEMPTED),
            State::Yielded => (WAIT_YIELDED, YIELDED),
            state => {
                if !was_unseen && !t.seeded && self.is_open {
                    self.counts.repairs[usize::from(state != State::Blocked)] += 1;
                }
                (WAIT_UNKNOWN, UNKNOWN)
            }
        }
    }
}
