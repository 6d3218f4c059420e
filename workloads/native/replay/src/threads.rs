//! A thread's books: what it did, and what led to its present state.

use crate::chain::{Chain, Piece, NONE, OWN};
use crate::parts::*;

/// A path: time by part since the window's start, and what is told beside it.
#[derive(Clone, Copy)]
pub struct Path {
    pub parts: [i64; N_PATH],
    pub behind: [i64; N_BEHIND],
    pub awaited: [i64; N_AWAITED],
    pub resumed: [u64; 3],
    /// The last piece of it.
    pub last: u32,
}

impl Path {
    pub const EMPTY: Path = Path {
        parts: [0; N_PATH],
        behind: [0; N_BEHIND],
        awaited: [0; N_AWAITED],
        resumed: [0; 3],
        last: NONE,
    };

    pub fn total(&self) -> i64 {
        self.parts.iter().sum()
    }
}

/// Its wait on a CPU's queue.
#[derive(Clone, Copy, Default)]
pub struct Queue {
    pub cpu: u16,
    pub since: i64,
    pub window: u32,
    pub idle: i64,
    pub other: i64,
    pub held_ns: i64,
    pub other_ns: i64,
    pub is_throttled: bool,
}

/// What a waker hands over: its path up to its last event, and what it has been doing since.
#[derive(Clone, Copy)]
pub struct Given {
    pub path: Path,
    pub last: i64,
    pub part: u8,
    pub row: u32,
    pub cpu: u16,
    pub nr: i16,
}

/// A wake-up that ended a sleep whose switch-out comes later in the order of time.
#[derive(Clone, Copy)]
pub struct Pending {
    pub at: i64,
    pub cpu: u16,
    pub source: u8,
    pub given: Option<Given>,
    pub holder: u32,
    /// With a holder how far its path was ahead, ns; else 1 + what was awaited, 0: not told.
    pub more: u16,
}

pub struct Thread {
    pub slot: u32,
    pub life: u32,
    pub tid: u32,
    pub tgid: u32,
    pub state: State,
    /// No event has told its state yet.
    pub unseen: bool,
    /// It was there before the first event.
    pub seeded: bool,
    pub is_worker: bool,
    pub fresh: bool,
    pub on_cpu: u8,
    pub blocked: u8,
    pub source: u8,
    pub wait: u8,
    pub cpu: u16,
    pub waking_cpu: u16,
    pub call_nr: i16,
    /// The call that restart_syscall goes on with.
    pub goes_on_with: u8,
    pub window: u32,
    pub last: i64,
    pub call_start: i64,
    pub call_off: i64,
    pub came_in: i64,
    pub went_out: i64,
    pub woken: i64,
    pub waker: u32,
    pub birth: i64,
    pub death: i64,
    pub voluntary: u64,
    pub involuntary: u64,
    pub migrations: u64,
    pub yielded: u64,
    pub path: Path,
    pub own: [i64; N_OWN],
    pub own_behind: [i64; N_BEHIND],
    pub queue: Queue,
    pub pending: Option<Pending>,
    pub comm: [u8; 16],
    /// For the probe sched: how many could run where it was woken; the CPU it was pushed off, plus 1;
    /// what it had run when it came in.
    pub runnable: u8,
    pub waits_for: u16,
    pub before_io: i64,
    pub before_user: i64,
    pub before_window: u32,
}

impl Thread {
    pub fn new(slot: u32, life: u32, tid: u32, tgid: u32) -> Thread {
        Thread {
            slot,
            life,
            tid,
            tgid,
            state: State::Blocked,
            unseen: true,
            seeded: true,
            is_worker: false,
            fresh: false,
            on_cpu: UNKNOWN,
            blocked: UNKNOWN,
            source: SOURCE_PROCESS,
            wait: WAIT_UNKNOWN,
            cpu: 0,
            waking_cpu: 0,
            call_nr: -1,
            goes_on_with: UNKNOWN,
            window: 0,
            last: i64::MIN,
            call_start: i64::MIN,
            call_off: 0,
            came_in: i64::MIN,
            went_out: i64::MIN,
            woken: i64::MIN,
            waker: NONE,
            birth: 0,
            death: 0,
            voluntary: 0,
            involuntary: 0,
            migrations: 0,
            yielded: 0,
            path: Path::EMPTY,
            own: [0; N_OWN],
            own_behind: [0; N_BEHIND],
            queue: Queue::default(),
            pending: None,
            comm: [0; 16],
            runnable: 0,
            waits_for: 0,
            before_io: 0,
            before_user: 0,
            before_window: 0,
        }
    }

    /// Its sums begin with the window; its state stays.
    pub fn renew(&mut self, window: u32, start: i64) {
        if self.window == window {
            return;
        }
        self.window = window;
        self.last = start;
        self.call_off = 0;
        self.voluntary = 0;
        self.involuntary = 0;
        self.migrations = 0;
        self.yielded = 0;
        self.path = Path::EMPTY;
        self.own = [0; N_OWN];
        self.own_behind = [0; N_BEHIND];
    }

    pub fn is_in_call(&self) -> bool {
        (SYSCALL_FIRST..KERNEL_WORKERS).contains(&self.on_cpu)
    }

    /// The number of the call that it is in.
    pub fn nr(&self) -> i16 {
        if self.is_in_call() {
            self.call_nr
        } else {
            -1
        }
    }

    /// A piece from its last event to `end`.
    pub fn piece(&self, row: u32, part: u8, end: i64, flags: u8) -> Piece {
        Piece {
            start: self.last,
            end,
            row,
            waker: NONE,
            before: self.path.last,
            cpu: self.cpu,
            nr: self.nr(),
            part,
            path_part: part,
            source: 0,
            wait: WAIT_UNKNOWN,
            flags,
        }
    }

    /// The time since its last event was `part`, of its own and of the path.
    pub fn spend(&mut self, chain: &mut Chain, row: u32, part: u8, now: i64) {
        let piece = self.piece(row, part, now, OWN);
        self.spend_as(chain, piece);
    }

    /// The same where it waited for a CPU, on which it comes in now.
    pub fn spend_waiting(&mut self, chain: &mut Chain, row: u32, part: u8, now: i64) {
        let mut piece = self.piece(row, part, now, OWN);
        piece.wait = self.wait;
        if piece.wait < WAIT_PREEMPTED {
            piece.waker = self.waker;
            piece.source = self.source;
        }
        self.spend_as(chain, piece);
    }

    fn spend_as(&mut self, chain: &mut Chain, piece: Piece) {
        // clocks of two CPUs may differ by some ns: time does not run backwards
        if piece.end <= self.last {
            return;
        }
        let ns = piece.end - self.last;
        if usize::from(piece.part) < N_PATH {
            self.path.parts[usize::from(piece.part)] += ns;
            self.own[usize::from(piece.part)] += ns;
        }
        self.last = piece.end;
        if self.window > 0 {
            self.path.last = chain.push(piece);
        }
    }

    /// It slept until `now`; `path_part`: what that is on its path, if it stays its own.
    pub fn slept(&mut self, chain: &mut Chain, row: u32, path_part: Option<u8>, now: i64) {
        if now <= self.last {
            return;
        }
        self.own[usize::from(self.blocked)] += now - self.last;
        let mut piece = self.piece(row, self.blocked, now, OWN);
        piece.path_part = path_part.unwrap_or(self.blocked);
        piece.waker = self.waker;
        piece.source = self.source;
        if self.window > 0 {
            let index = chain.push(piece);
            if path_part.is_some() {
                self.path.last = index;
            }
        }
    }

    pub fn given(&self, row: u32) -> Given {
        Given {
            path: self.path,
            last: self.last,
            part: if self.state == State::Preempted {
                PREEMPTED
            } else {
                self.on_cpu
            },
            row,
            cpu: self.cpu,
            nr: self.nr(),
        }
    }

    /// How long it was off the CPU inside its present call and the window.
    pub fn off_cpu(&self, now: i64, start: i64) -> i64 {
        (now - self.went_out.max(self.call_start).max(start)).max(0)
    }

    /// What it has been doing since its last event, as a part of its own time.
    pub fn present_part(&self) -> Option<u8> {
        match self.state {
            State::Running | State::RunningEarly => Some(self.on_cpu),
            State::Blocked => Some(self.blocked),
            State::Waking | State::WakingEarly => Some(WAKEUP_QUEUED),
            State::Preempted => Some(PREEMPTED),
            State::Yielded => Some(YIELDED),
            State::Dead => None,
        }
    }
}
