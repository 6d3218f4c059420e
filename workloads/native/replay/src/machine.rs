//! The rules of docs/time-accounting.md, applied to events in order of time.
//!
//! What the kernel side decided in a race of two CPUs (a wake-up against the switch-out that puts its
//! thread to sleep, whose path a timed wait takes over) stands in the events. All else is derived.

mod calls;
mod life;
mod queues;
mod rows;
mod running;
mod sched;
mod switches;
mod wake_ups;
mod window;

use std::collections::HashMap;

use crate::chain::{Chain, NONE};
use crate::counts::Counts;
use crate::cpus::Cpu;
use crate::parts::State;
use crate::threads::Thread;
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
}
