//! The rules of docs/time-accounting.md, applied to events in order of time.
//!
//! What the kernel side decided in a race of two CPUs (a wake-up against the switch-out that puts its
//! thread to sleep, whose path a timed wait takes over) stands in the events. All else is derived.

use std::collections::HashMap;

use crate::chain::{Chain, Piece, NONE, OPEN, OWN};
use crate::counts::{Counts, RUNNABLE};
use crate::cpus::Cpu;
use crate::parts::*;
use crate::threads::{Given, Path, Pending, Queue, Thread};
use crate::wire::{Event, Events, Kind, Request};

/// What the first system-call event of a thread that was there before all events tells of it.
#[derive(Clone, Copy, PartialEq)]
enum First {
    Nothing,
    Entry,
    Return(u32),
    /// It is a new thread's: the slot had nobody before.
    Born,
}

pub struct Machine<'a> {
    request: &'a Request,
    pub threads: Vec<Thread>,
    pub cpus: Vec<Cpu>,
    pub chain: Chain,
    pub counts: Counts,
    /// Row of the thread that has a slot now; NONE.
    rows: Vec<u32>,
    firsts: Vec<First>,
    /// Numbers of threads that were there before all events, and of their processes, by slot.
    known: HashMap<u32, (u32, u32)>,
    /// Some SWITCH says that the idle task leaves: then all that lack it are of other tasks.
    tells_idle: bool,
    /// Slots of which a BEGIN tells when their sums begin.
    begun: Vec<bool>,
    opens_in_events: bool,
    /// 0 before the window, then 1.
    window: u32,
    is_open: bool,
    start: i64,
    opener: u32,
    /// The CPU on which the window was closed, and when.
    closed: Option<(u16, i64)>,
    pub end_slot: u32,
    /// Where time begins for threads that were there before all events.
    from: i64,
}

impl<'a> Machine<'a> {
    pub fn new(request: &'a Request, events: &Events) -> Result<Machine<'a>, String> {
        let mut machine = Machine {
            request,
            threads: vec![Thread::new(0, 0, 0, 0)],
            cpus: Vec::new(),
            chain: Chain::default(),
            counts: Counts::default(),
            rows: Vec::new(),
            firsts: Vec::new(),
            known: request
                .known
                .iter()
                .map(|k| (k.slot, (k.tid, k.tgid)))
                .collect(),
            tells_idle: false,
            begun: Vec::new(),
            opens_in_events: false,
            window: 0,
            is_open: false,
            start: request.start,
            opener: 0,
            closed: None,
            end_slot: request.end_slot,
            from: request.start,
        };
        machine.threads[0].unseen = false;
        machine.threads[0].state = State::Dead;
        machine.look_ahead(events)?;
        Ok(machine)
    }

    /// Checks all events, and notes what is needed of later ones before they come.
    fn look_ahead(&mut self, events: &Events) -> Result<(), String> {
        let mut is_first = true;
        for event in events.iter() {
            let event = event?;
            if is_first {
                self.from = event.at;
                is_first = false;
            }
            let cpus = usize::from(event.cpu) + 1;
            if self.cpus.len() < cpus {
                self.cpus.resize_with(cpus, Cpu::default);
            }
            let other = match event.kind {
                Kind::Switch | Kind::Waking | Kind::New => event.other(),
                _ => 0,
            };
            let slots = event.slot.max(other) as usize + 1;
            if self.rows.len() < slots {
                self.rows.resize(slots, NONE);
                self.firsts.resize(slots, First::Nothing);
                self.begun.resize(slots, false);
            }
            let first = match event.kind {
                Kind::Enter => First::Entry,
                Kind::Exit => First::Return(event.extra),
                Kind::New => First::Born,
                _ => First::Nothing,
            };
            let slot = if event.kind == Kind::New {
                other
            } else {
                event.slot
            };
            let known = &mut self.firsts[slot as usize];
            if *known == First::Nothing {
                *known = first;
            }
            match event.kind {
                Kind::Begin if event.at >= self.request.start => {
                    self.begun[event.slot as usize] = true;
                }
                Kind::Window if event.extra == 1 => self.opens_in_events = true,
                Kind::Switch => self.tells_idle |= event.bits(44, 1) == 1,
                _ => (),
            }
        }
        Ok(())
    }

    pub fn run(&mut self, events: &Events) -> Result<(), String> {
        let request = self.request;
        for event in events.iter() {
            let event = event?;
            if let Some((cpu, at)) = self.closed {
                // there the books were closed; other CPUs may have been in the middle of an event
                let is_same = event.at == at && event.kind != Kind::Enter;
                if cpu == event.cpu && !is_same {
                    continue;
                }
                self.counts.recorded_after_end += u64::from(event.at > at);
            }
            if !self.opens_in_events && !self.is_open && event.at >= request.start {
                self.open(request.start);
            }
            self.handle(&event);
        }
        if !self.is_open {
            self.open(request.start);
        }
        Ok(())
    }

    fn handle(&mut self, e: &Event) {
        match e.kind {
            Kind::Switch => self.switch(e),
            Kind::Waking => self.waking(e),
            Kind::Enter => self.enter(e),
            Kind::Exit => self.exit(e),
            Kind::New => self.new_thread(e),
            Kind::Name => self.name(e),
            Kind::Exec => self.exec(e),
            Kind::Begin => self.begin(e),
            Kind::Migrate => self.migrate(e),
            Kind::Window => self.edge(e),
            Kind::Dying => self.dying(e),
            Kind::Idle | Kind::Ipi => (),
        }
    }

    // ---- rows ----

    /// The row of the thread that has a slot; 0 for none.
    fn row(&mut self, slot: u32) -> usize {
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

    /// A thread of which this is the first event: what that tells of its state until now.
    fn meet(&mut self, row: usize, was_running: bool) {
        let t = &mut self.threads[row];
        if !t.unseen {
            return;
        }
        t.unseen = false;
        let first = self
            .firsts
            .get(t.slot as usize)
            .copied()
            .unwrap_or(First::Nothing);
        if let First::Return(nr) = first {
            t.call_nr = nr as i16;
        }
        let part = self.part_before(first);
        let t = &mut self.threads[row];
        t.on_cpu = part;
        if was_running {
            t.state = State::Running;
        } else {
            t.state = State::Blocked;
            t.blocked = blocked_in(part, false);
        }
    }

    fn part_before(&self, first: First) -> u8 {
        match first {
            First::Entry => USER,
            First::Return(nr) => self.part_of(nr),
            First::Nothing | First::Born => UNKNOWN,
        }
    }

    fn part_of(&self, nr: u32) -> u8 {
        SYSCALL_FIRST
            + self
                .request
                .classes
                .get(nr as usize)
                .copied()
                .unwrap_or(CLASS_OTHER)
    }

    /// The thread's sums begin with the window, if they have not.
    fn renew(&mut self, row: usize) {
        let t = &mut self.threads[row];
        if self.window > 0 && !self.begun[t.slot as usize] {
            t.renew(self.window, self.start);
        }
    }

    /// What a thread does that nobody has seen in a call: its next event of one tells.
    fn find_out(&mut self, row: usize) {
        let t = &self.threads[row];
        if t.on_cpu != UNKNOWN || !t.seeded {
            return;
        }
        let first = self
            .firsts
            .get(t.slot as usize)
            .copied()
            .unwrap_or(First::Nothing);
        let part = self.part_before(first);
        let t = &mut self.threads[row];
        t.on_cpu = part;
        if let First::Return(nr) = first {
            t.call_nr = nr as i16;
            t.call_start = i64::MIN;
            t.call_off = 0;
        }
    }

    // ---- the window ----

    fn open(&mut self, now: i64) {
        self.start = now;
        self.window = 1;
        self.is_open = true;
    }

    fn edge(&mut self, e: &Event) {
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

    fn renew_now(&mut self, row: usize) {
        self.threads[row].renew(self.window, self.start);
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
        let part = if t.state == State::Dead {
            SYSCALL_FIRST + CLASS_PROCESS
        } else {
            t.on_cpu
        };
        if t.state != State::Dead {
            t.spend(&mut self.chain, row as u32, part, e.at);
        } else if e.at > t.last {
            t.path.parts[usize::from(part)] += e.at - t.last;
            let piece = self.rest(row, part, e.at, 0);
            self.threads[row].path.last = self.chain.push(piece);
            self.threads[row].last = e.at;
        }
    }

    /// A piece from a thread's last event to `end`.
    fn rest(&self, row: usize, part: u8, end: i64, flags: u8) -> Piece {
        let t = &self.threads[row];
        Piece {
            start: t.last,
            end,
            row: row as u32,
            waker: NONE,
            before: t.path.last,
            cpu: t.cpu,
            nr: t.nr(),
            part,
            path_part: part,
            source: 0,
            wait: WAIT_UNKNOWN,
            flags,
        }
    }

    fn begin(&mut self, e: &Event) {
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

    // ---- who runs on a CPU ----

    /// An event by a thread (0: none of the target) proves that it runs: where another one was
    /// thought to, a switch was not seen.
    fn runs(&mut self, cpu: u16, slot: u32, now: i64) -> usize {
        let row = self.row(slot);
        self.meet(row, true);
        let at = usize::from(cpu);
        let k = &self.cpus[at];
        if k.seen && k.slot == slot {
            return row;
        }
        let (was_seen, old_slot) = (k.seen, k.slot);
        let (window, start) = (self.window, self.start);
        self.cpus[at].spend(now, window, start);
        if was_seen {
            self.counts.repairs[2] += u64::from(self.is_open);
            let old = self.row(old_slot);
            if old != 0 && self.threads[old].cpu == cpu {
                self.renew(old);
                let t = &mut self.threads[old];
                t.spend(&mut self.chain, old as u32, UNKNOWN, now);
                t.state = State::Blocked;
            }
        }
        let k = &mut self.cpus[at];
        k.seen = true;
        k.slot = slot;
        k.tid = if slot == 0 {
            k.tid
        } else {
            self.threads[row].tid
        };
        k.comes(now, if slot == 0 { NONE } else { row as u32 }, k.tid);
        if row != 0 {
            self.found_running(row, cpu, now);
        }
        row
    }

    fn found_running(&mut self, row: usize, cpu: u16, now: i64) {
        self.renew(row);
        let start = self.start;
        let t = &mut self.threads[row];
        let was = t.state;
        t.state = State::Running;
        if was.is_running() {
            t.cpu = cpu;
            return;
        }
        t.call_off += t.off_cpu(now, start);
        let part = match was {
            State::Preempted => PREEMPTED,
            State::Yielded => YIELDED,
            State::Blocked => UNKNOWN,
            _ => WAKEUP_QUEUED,
        };
        t.wait = WAIT_UNKNOWN;
        t.spend(&mut self.chain, row as u32, part, now);
        t.came_in = now;
        t.cpu = cpu;
        self.find_out(row);
    }

    // ---- switches ----

    fn switch(&mut self, e: &Event) {
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
            part if is_io(part) => 1,
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

    // ---- wake-ups ----

    fn waking(&mut self, e: &Event) {
        let (source, outcome) = (e.bits(32, 8) as u8, e.bits(40, 8));
        let source = source.min(N_SOURCES as u8 - 1);
        let waker = self.runs(e.cpu, e.slot, e.at);
        if e.slot == 0 && matches!(source, SOURCE_KERNEL_THREAD | SOURCE_OTHER_PROCESS) {
            self.found_other(e);
        }
        self.cpus[usize::from(e.cpu)].begin(self.window, self.start);
        let row = self.row(e.other());
        if row == 0 || outcome == 0 {
            return;
        }
        self.meet(row, outcome == 1);
        let t = &mut self.threads[row];
        t.waking_cpu = e.cpu;
        t.source = source;
        t.waker = if source == SOURCE_PROCESS {
            waker as u32
        } else {
            NONE
        };
        if outcome == 1 {
            self.cpus[usize::from(e.cpu)].early += 1;
            if t.state == State::Running {
                t.state = State::RunningEarly;
            }
            return;
        }
        let mut given = None;
        if source == SOURCE_PROCESS && waker != 0 {
            self.renew(waker);
            given = Some(self.threads[waker].given(waker as u32));
        }
        let more = e.bits(48, 16) as u16;
        let pending = Pending {
            at: e.at,
            cpu: e.cpu,
            source,
            given,
            holder: e.extra,
            more,
        };
        match self.threads[row].state {
            State::Blocked | State::WakingEarly => self.end_sleep(row, &pending),
            // the clock of its CPU was read later than the waker's: its switch-out follows
            State::Running | State::RunningEarly => self.threads[row].pending = Some(pending),
            State::Dead => self.counts.impossible += 1,
            State::Waking | State::Preempted | State::Yielded => {
                // it must have run and gone to sleep: those events are missing
                self.counts.impossible += 1;
                self.renew(row);
                let t = &mut self.threads[row];
                t.spend(&mut self.chain, row as u32, UNKNOWN, e.at);
                self.end_sleep(row, &pending);
            }
        }
    }

    /// A task of another program runs where the CPU was thought idle.
    fn found_other(&mut self, e: &Event) {
        let (window, start) = (self.window, self.start);
        let k = &mut self.cpus[usize::from(e.cpu)];
        if k.seen && k.slot == 0 && k.tid == 0 {
            k.spend(e.at, window, start);
            k.tid = u32::MAX;
            self.counts.repairs[2] += u64::from(self.is_open);
        }
    }

    /// The sleep of a thread ends: it takes over its waker's path, or its sleep is the path.
    fn end_sleep(&mut self, row: usize, by: &Pending) {
        self.renew(row);
        let holder = if by.source == SOURCE_TIMER {
            self.row_of_holder(by.holder)
        } else {
            0
        };
        let t = &mut self.threads[row];
        t.state = State::Waking;
        t.waking_cpu = by.cpu;
        t.source = by.source;
        t.waker = by.given.map_or(NONE, |given| given.row);
        let mut at = by.at.max(t.last);
        if let Some(given) = by.given {
            at = at.max(given.last);
            t.slept(&mut self.chain, row as u32, None, at);
            self.take(row, &given, at);
        } else if holder != 0 {
            at = self.take_of_holder(row, holder, at.max(by.at + i64::from(by.more)));
        } else {
            let part = self.slept_part(row);
            let t = &mut self.threads[row];
            let ns = at - t.last;
            t.path.parts[usize::from(part)] += ns;
            if part != KERNEL_WORKERS {
                t.path.awaited[awaited(by, part)] += ns;
            }
            t.slept(&mut self.chain, row as u32, Some(part), at);
        }
        if by.source != SOURCE_PROCESS {
            self.cpus[usize::from(by.cpu)].sources[usize::from(by.source)] += 1;
        }
        let t = &mut self.threads[row];
        t.last = at;
        t.woken = at;
        let cpu = t.cpu;
        self.queue_begins(row, cpu, at);
        self.woke(row, by);
    }

    fn row_of_holder(&mut self, slot: u32) -> usize {
        if (slot as usize) < self.rows.len() {
            self.row(slot)
        } else {
            0
        }
    }

    /// Takes over a path as of `at`: what the giver has done since its last event is its present part.
    fn take(&mut self, row: usize, given: &Given, at: i64) {
        let mut path = given.path;
        if at > given.last {
            if usize::from(given.part) < N_PATH {
                path.parts[usize::from(given.part)] += at - given.last;
            }
            if self.window > 0 {
                path.last = self.chain.push(Piece {
                    start: given.last,
                    end: at,
                    row: given.row,
                    waker: NONE,
                    before: path.last,
                    cpu: given.cpu,
                    nr: given.nr,
                    part: given.part,
                    path_part: given.part,
                    source: 0,
                    wait: WAIT_UNKNOWN,
                    flags: 0,
                });
            }
        }
        self.threads[row].path = path;
    }

    /// A wait for a lock that timed out takes over the path of the thread that has the lock.
    fn take_of_holder(&mut self, row: usize, holder: usize, at: i64) -> i64 {
        let mut given = self.threads[holder].given(holder as u32);
        if self.threads[holder].window != self.threads[row].window {
            given.path = Path::EMPTY; // it has had no event in the window
        }
        given.last = self.start + given.path.total();
        let at = at.max(given.last);
        self.threads[row].slept(&mut self.chain, row as u32, None, at);
        self.take(row, &given, at);
        at
    }

    fn slept_part(&self, row: usize) -> u8 {
        let t = &self.threads[row];
        match t.source {
            SOURCE_KERNEL_WORKER => KERNEL_WORKERS,
            SOURCE_TIMER => {
                let class = t.on_cpu.wrapping_sub(SYSCALL_FIRST);
                if matches!(class, CLASS_FUTEX | CLASS_POLL | CLASS_IO_URING) {
                    TIMED_WAIT
                } else {
                    SLEEP
                }
            }
            _ => EXTERNAL,
        }
    }

    // ---- system calls ----

    fn enter(&mut self, e: &Event) {
        let row = self.runs(e.cpu, e.slot, e.at);
        if row == 0 {
            return;
        }
        self.renew(row);
        let nr = e.what as u32;
        let is_restart = self.request.restarts.contains(&nr);
        let t = &self.threads[row];
        // it goes on with the call that a signal or a stop interrupted
        let part = match (is_restart, t.goes_on_with) {
            (true, UNKNOWN) => SYSCALL_FIRST + CLASS_OTHER,
            (true, part) => part,
            _ => self.part_of(nr),
        };
        if t.on_cpu != USER && t.on_cpu != UNKNOWN && self.is_open {
            self.counts.repairs[4] += 1;
            self.counts.inferred += (e.at - t.last).max(0) as u64;
            let on_cpu = t.on_cpu;
            self.threads[row].spend(&mut self.chain, row as u32, on_cpu, e.at);
            self.call_ended(row, 0, e.at);
        }
        let t = &mut self.threads[row];
        t.on_cpu = USER; // also where the thread was found running: no return was seen
        t.spend(&mut self.chain, row as u32, USER, e.at);
        t.on_cpu = part;
        t.call_nr = nr.min(i16::MAX as u32) as i16;
        t.goes_on_with = part;
        t.call_start = e.at;
        t.call_off = 0;
        t.fresh = false;
        t.seeded = false;
        t.pending = None;
    }

    fn exit(&mut self, e: &Event) {
        let row = self.runs(e.cpu, e.slot, e.at);
        if row == 0 {
            return;
        }
        self.renew(row);
        let (nr, result) = (e.extra, e.what as i64);
        let t = &self.threads[row];
        if e.slot == self.opener && e.at == self.start && self.opens_in_events {
            // the call by which the window opened
        } else if t.on_cpu == USER {
            if !t.fresh && self.is_open {
                self.unseen_entry(row, nr, result, e.at);
            }
        } else {
            let mut part = t.on_cpu;
            if part == UNKNOWN {
                part = self.part_of(nr);
            }
            let t = &mut self.threads[row];
            t.on_cpu = part;
            t.goes_on_with = part;
            if t.call_nr < 0 {
                t.call_nr = nr.min(i16::MAX as u32) as i16;
            }
            t.spend(&mut self.chain, row as u32, part, e.at);
            if self.is_open {
                self.call_ended(row, result, e.at);
            }
        }
        let t = &mut self.threads[row];
        t.on_cpu = USER;
        t.fresh = false;
        t.seeded = false;
        t.pending = None;
        if t.state == State::RunningEarly {
            t.state = State::Running;
        }
    }

    /// A return whose entry was not seen: the call was refused before it, or its event is missing.
    fn unseen_entry(&mut self, row: usize, nr: u32, result: i64, now: i64) {
        if nr as usize >= N_CALLS {
            self.counts.unmatched_exits += 1;
            return;
        }
        self.counts.repairs[3] += 1;
        let t = &self.threads[row];
        self.counts.inferred += (now - t.last).max(0) as u64;
        let part = self.part_of(nr);
        let t = &mut self.threads[row];
        t.spend(&mut self.chain, row as u32, USER, now);
        t.on_cpu = part;
        t.goes_on_with = part;
        t.call_nr = nr as i16;
        t.call_start = now;
        t.call_off = 0;
        self.call_ended(row, result, now);
    }

    fn call_ended(&mut self, row: usize, result: i64, now: i64) {
        let t = &self.threads[row];
        let ns = (now - t.call_start.max(self.start)).max(0);
        if let Ok(nr) = u32::try_from(t.call_nr) {
            self.counts.call(nr, ns, t.call_off, result);
        }
    }

    // ---- birth and death ----

    fn new_thread(&mut self, e: &Event) {
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

    fn dying(&mut self, e: &Event) {
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

    fn exec(&mut self, e: &Event) {
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

    fn name(&mut self, e: &Event) {
        let row = self.row(e.slot);
        let at = 8 * (e.extra & 1) as usize;
        self.threads[row].comm[at..at + 8].copy_from_slice(&e.what.to_le_bytes());
    }

    // ---- queues ----

    fn migrate(&mut self, e: &Event) {
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

    fn queue_begins(&mut self, row: usize, cpu: u16, now: i64) {
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

    fn queue_ends(&mut self, row: usize, now: i64) {
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

    // ---- what the probe sched counts ----

    /// A wake-up ended a sleep.
    fn woke(&mut self, row: usize, by: &Pending) {
        self.threads[row].runnable = 0;
        let Some(given) = by.given else { return };
        if by.source != SOURCE_PROCESS {
            return;
        }
        let others = self.cpus[usize::from(by.cpu)].pushed_off;
        self.threads[row].runnable = (others.min(RUNNABLE as u64 - 1) + 1) as u8;
        if self.is_open {
            let waker = &self.threads[given.row as usize];
            if usize::from(waker.wait) < N_WAITS {
                let ns = by.at - waker.came_in.max(self.start);
                self.counts.handed[usize::from(waker.wait)].add(ns);
            }
        }
    }

    /// A thread comes in after a wait.
    fn waited(&mut self, row: usize, cpu: u16, wait: u8, now: i64) {
        let t = &mut self.threads[row];
        if t.waits_for > 0 {
            let k = &mut self.cpus[usize::from(t.waits_for - 1)];
            k.pushed_off = k.pushed_off.saturating_sub(1);
            t.waits_for = 0;
        }
        if !self.is_open {
            return;
        }
        if usize::from(wait) < N_WAITS {
            self.counts.waited[usize::from(wait)].add(now - t.last);
        }
        if t.runnable > 0 {
            let at = usize::from(t.runnable - 1);
            if t.waking_cpu == cpu {
                self.counts.woke[at] += 1;
            } else {
                self.counts.woke_away[at] += 1;
            }
            t.runnable = 0;
        }
        t.before_window = t.window;
        t.before_io = io_of(t);
        t.before_user = t.own[usize::from(USER)];
    }

    /// A thread leaves: what it ran in its stay.
    fn split(&mut self, row: usize, cpu: u16, is_runnable: bool) {
        let t = &mut self.threads[row];
        let wait = usize::from(t.wait);
        if wait < N_WAITS {
            let began_here = t.before_window == t.window;
            let (io, user) = if began_here {
                (t.before_io, t.before_user)
            } else {
                (0, 0)
            };
            self.counts.ran_io[wait] += (io_of(t) - io).max(0) as u64;
            self.counts.ran_user[wait] += (t.own[usize::from(USER)] - user).max(0) as u64;
        }
        if is_runnable {
            t.waits_for = cpu + 1;
            self.cpus[usize::from(cpu)].pushed_off += 1;
        }
    }

    // ---- the end ----

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
                let piece = self.rest(row, part, end, OWN | OPEN);
                self.chain.push(piece);
            }
            if row == last && self.closed.is_none() {
                self.end_path(row, end, quiet);
            }
        }
    }

    /// The row of the path's thread.
    pub fn last_row(&mut self) -> usize {
        if (self.end_slot as usize) < self.rows.len() {
            self.row(self.end_slot)
        } else {
            0
        }
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
        let mut piece = self.rest(row, part, end, OPEN);
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

fn is_io(part: u8) -> bool {
    matches!(
        part.wrapping_sub(SYSCALL_FIRST),
        CLASS_IO | CLASS_POLL | CLASS_IO_URING
    )
}

fn io_of(t: &Thread) -> i64 {
    [CLASS_IO, CLASS_POLL, CLASS_IO_URING]
        .iter()
        .map(|class| t.own[usize::from(SYSCALL_FIRST + class)])
        .sum()
}

fn awaited(by: &Pending, part: u8) -> usize {
    let told = usize::from(by.more).wrapping_sub(1);
    if told < N_AWAITED {
        return told;
    }
    usize::from(match part {
        TIMED_WAIT => AWAITED_TIMED_WAIT,
        SLEEP => AWAITED_TIMER,
        _ => AWAITED_OTHER,
    })
}
