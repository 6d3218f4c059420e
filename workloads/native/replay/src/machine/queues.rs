//! Waits in a CPU's queue: behind whom.

use super::Machine;
use crate::parts::*;
use crate::threads::Queue;
use crate::wire::Event;

impl Machine<'_> {
    pub(super) fn migrate(&mut self, e: &Event) {
        let row = self.row(e.slot);
        if row == 0 {
            return;
        }
        let to = (e.extra.min(u32::from(u16::MAX))) as u16;
        if e.what == 1 {
            self.queue_begins(row, to, e.at); // where a new thread is put
            return;
        }
        let t = &self.threads[row];
        if !self.is_open || t.window != self.window {
            return;
        }
        self.counts.pulled += u64::from(t.state == State::Preempted);
        self.threads[row].migrations += 1;
        self.queue_goes_on(row, e.at);
        let (idle, other) = self.ran_until(to, e.at);
        let q = &mut self.threads[row].queue;
        q.cpu = to;
        q.since = e.at;
        q.idle = idle;
        q.other = other;
    }

    fn ran_until(&self, cpu: u16, now: i64) -> (i64, i64) {
        self.cpus
            .get(usize::from(cpu))
            .map_or((0, 0), |k| k.until(now, self.window, self.start))
    }

    pub(super) fn queue_begins(&mut self, row: usize, cpu: u16, now: i64) {
        let (idle, other) = self.ran_until(cpu, now);
        let window = self.window;
        self.threads[row].queue = Queue {
            cpu,
            since: now,
            window,
            idle,
            other,
            ..Queue::default()
        };
    }

    fn queue_goes_on(&mut self, row: usize, now: i64) {
        let (window, start) = (self.window, self.start);
        let (idle, other) = self.ran_until(self.threads[row].queue.cpu, now);
        let q = &mut self.threads[row].queue;
        if q.window != window {
            *q = Queue {
                cpu: q.cpu,
                since: start,
                window,
                is_throttled: q.is_throttled,
                ..Queue::default()
            };
        }
        let all = (now - q.since).max(0);
        let held = (idle - q.idle).clamp(0, all);
        q.held_ns += held;
        q.other_ns += (other - q.other).clamp(0, all - held);
    }

    pub(super) fn queue_ends(&mut self, row: usize, now: i64) {
        self.queue_goes_on(row, now);
        let t = &mut self.threads[row];
        let all = (now - t.last).max(0);
        let throttled = if t.queue.is_throttled { all } else { 0 };
        let held = t.queue.held_ns.min(all - throttled);
        let other = t.queue.other_ns.min(all - throttled - held);
        let own = all - throttled - held - other;
        for (who, ns) in [
            (BEHIND_THROTTLED, throttled),
            (BEHIND_HELD, held),
            (BEHIND_OTHER, other),
            (BEHIND_OWN, own),
        ] {
            t.path.behind[who] += ns;
            t.own_behind[who] += ns;
        }
    }
}
