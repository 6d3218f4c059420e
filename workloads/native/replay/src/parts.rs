//! The parts of a ledger and all other numbers that events and answers share with tracer.
//!
//! tracer/model/states.py declares them. The request brings its names, which must be these.

pub const USER: u8 = 0;
pub const SYSCALL_FIRST: u8 = 1;
pub const KERNEL_WORKERS: u8 = 9;
pub const WAKEUP_IDLE: u8 = 10;
pub const WAKEUP_QUEUED: u8 = 11;
pub const PREEMPTED: u8 = 12;
pub const YIELDED: u8 = 13;
pub const SLEEP: u8 = 14;
pub const TIMED_WAIT: u8 = 15;
pub const EXTERNAL: u8 = 16;
pub const UNKNOWN: u8 = 17;
pub const N_PATH: usize = 18;
pub const STOPPED: u8 = 18;
pub const BLOCKED_FIRST: u8 = 19;
pub const N_OWN: usize = 27;

pub const CLASS_IO: u8 = 0;
pub const CLASS_POLL: u8 = 1;
pub const CLASS_FUTEX: u8 = 2;
pub const CLASS_IO_URING: u8 = 3;
pub const CLASS_SLEEP: u8 = 4;
pub const CLASS_PROCESS: u8 = 6;
pub const CLASS_OTHER: u8 = 7;
/// Calls that wait for input and output.
pub const IO_CLASSES: [u8; 3] = [CLASS_IO, CLASS_POLL, CLASS_IO_URING];

/// Who ended a sleep.
pub const SOURCE_PROCESS: u8 = 0;
pub const SOURCE_TIMER: u8 = 1;
pub const SOURCE_KERNEL_THREAD: u8 = 4;
pub const SOURCE_OTHER_PROCESS: u8 = 5;
pub const SOURCE_KERNEL_WORKER: u8 = 6;
pub const N_SOURCES: usize = 7;

/// What a thread waited for before it came in.
pub const WAIT_SAME_CPU: u8 = 0;
pub const WAIT_CROSS_IDLE: u8 = 1;
pub const WAIT_CROSS_BUSY: u8 = 2;
pub const WAIT_INTERRUPT: u8 = 3;
pub const WAIT_PREEMPTED: u8 = 4;
pub const WAIT_YIELDED: u8 = 5;
pub const N_WAITS: usize = 6;
pub const WAIT_UNKNOWN: u8 = 6;

/// Behind whom a ready thread waited.
pub const BEHIND_OWN: usize = 0;
pub const BEHIND_OTHER: usize = 1;
pub const BEHIND_THROTTLED: usize = 2;
pub const BEHIND_HELD: usize = 3;
pub const N_BEHIND: usize = 4;

pub const N_AWAITED: usize = 7;
pub const AWAITED_TIMER: u8 = 0;
pub const AWAITED_TIMED_WAIT: u8 = 1;
pub const AWAITED_OTHER: u8 = 6;

pub const N_CALLS: usize = 1024;

/// In the order of the constants above, each list behind its name.
pub const NAMES: &str = "parts:user syscall:io syscall:poll syscall:futex syscall:io_uring \
syscall:sleep syscall:memory syscall:process syscall:other kernel_workers wakeup:idle \
wakeup:queued preempted yielded sleep timed_wait external unknown blocked:stopped blocked:io \
blocked:poll blocked:futex blocked:io_uring blocked:sleep blocked:memory blocked:process \
blocked:other path:18 sources:process timer hard_irq softirq kernel_thread other_process \
kernel_worker waits:same_cpu cross_cpu_idle cross_cpu_busy interrupt preempted yielded \
behind:own other throttled held awaited:timer timed_wait disk network process kernel_thread other \
states:RUNNING RUNNING_EARLY BLOCKED WAKING WAKING_EARLY PREEMPTED DEAD YIELDED \
kinds:SWITCH WAKING ENTER EXIT NEW NAME EXEC BEGIN MIGRATE IDLE IPI WINDOW DYING";

/// What a thread does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum State {
    Running = 0,
    RunningEarly = 1,
    Blocked = 2,
    Waking = 3,
    WakingEarly = 4,
    Preempted = 5,
    Dead = 6,
    Yielded = 7,
}

impl State {
    pub fn of(number: u8) -> Option<State> {
        use State::*;
        [
            Running,
            RunningEarly,
            Blocked,
            Waking,
            WakingEarly,
            Preempted,
            Dead,
            Yielded,
        ]
        .get(usize::from(number))
        .copied()
    }

    pub fn is_running(self) -> bool {
        matches!(self, State::Running | State::RunningEarly)
    }
}

/// The part of a sleep in a call whose part is `on_cpu`.
pub fn blocked_in(on_cpu: u8, is_worker: bool) -> u8 {
    match on_cpu {
        UNKNOWN => UNKNOWN,
        SYSCALL_FIRST..=8 if !is_worker => BLOCKED_FIRST + on_cpu - SYSCALL_FIRST,
        _ => BLOCKED_FIRST + CLASS_OTHER,
    }
}
