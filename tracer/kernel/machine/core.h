/* SPDX-License-Identifier: GPL-2.0-only
 *
 * What the state machine remembers. The same structs are read by Python through mmap: their
 * layout reaches it from the compiler (BCC's description of the map), never by hand.
 * Every index and size (PART_*, THREAD_*, HIST_BUCKETS, ...) comes as `-D` from tracer/model and
 * tracer/kernel/settings.py.
 */


/* One histogram (ns): the count is the sum of its buckets; sum and maximum are exact. Every counter
 * has 64 bits: 32 would be full after 71 minutes of a million calls a second. */
struct hist {
	u64 sum;
	u64 max;
	u64 buckets[HIST_BUCKETS];
};

/* Settings and the window; one element. Written at the edges of the window, read by all. */
struct ctl {
	u32 phase;
	u32 epoch;
	u64 start_ns;
	u64 end_ns;
	s32 control_fd;     /* the target's end of the control socket, -1 for none */
	u32 control_nr;     /* the system call the target writes control messages with */
	u32 armed_tid;      /* the window opens when this thread returns from reading `go` */
	u32 window_tgid;    /* the window closes when a thread of this group writes `end` */
	u32 command_tgid;   /* without control socket: the window is this group's exec to exit */
	u32 tracer_tid;     /* --light: who is woken by the write of `end` */
	u32 follow;         /* 1: processes forked by the target belong to it */
	u32 first_tgid;     /* the command's process, whose threads are counted */
	u32 exit_slot;      /* the thread that ended that process, 0 for none yet */
	u32 pad_wanted;
	u64 next_wanted;    /* with --interval: 1 asks for the next window to begin */
	u64 regs_offset;    /* from a thread's stack to its registers in a call, 0: not known yet */
	u32 pad[10];        /* what follows changes often: a cache line of its own */
	/* u64: BCC 0.26 compiles 32-bit atomics without their result */
	u64 end_slot;       /* the thread that closed the window */
	u64 first_threads;  /* of `first_tgid`, that have not switched out for good */
	u64 next_slot;      /* slots handed out so far; slot 0 is "no thread" */
	u64 next_call;      /* rows of probe syscalls handed out */
	u64 affinities;     /* calls of sched_setaffinity */
	u64 free_head;
	u64 free_tail;
};

/* One CPU. */
struct cpu {
	u32 tid;            /* who runs here */
	u32 slot;           /* its slot, 0 when it is not the target's */
	u32 seen;           /* 1 from the first event after attach on: tid and slot are set */
	u32 hard, timer;
	u32 soft, raised;   /* 1 + the number of the softirq that runs here; the current task raised it */
	u32 epoch;
	u64 entering, returning; /* registers of the call for which a program on sys_enter, on sys_exit
				  * runs here or is preempted; 0 for none */
	u64 regs;           /* where the caller of the last call keeps its registers, 0 after a switch */
	u64 number;         /* this CPU's */
	u64 since_ns;       /* up to here idle_ns and other_ns are accounted */
	u64 untimed;        /* 1: the last switch was between two other programs, at a time not known */
	u64 runtime_in;     /* of a task of another program: its CPU time when it came in, 0: not known */
	u64 idle_ns, other_ns;
	u64 idle_in_ns, idle_out_ns;
	u64 early;          /* wake-ups that found their thread still running */
	u64 events;         /* of the target's threads, for the estimate of what tracing cost */
	u64 unseen_until;   /* --sample: up to this tick the calls of who runs here are not seen, */
	u64 unseen_calls;   /* and how many calls were not */
	u64 sources[N_SOURCES];
	u64 losses[N_LOSSES];
	u64 repairs[N_REPAIRS];
	u64 unnamed_ns[N_REPAIRS]; /* of threads, until such an event: what they did is not known */
	u64 blind;          /* times that a thread came in while both were another one's: the kernel
			     * runs neither for its calls then, and no event tells them */
	u64 inferred_ns;    /* time that a system call's lost event may have misplaced */
	u64 unseen_ns;      /* of the window, until this CPU's first event since tracer attached */
	/* threads whose slot was given to another one */
	u64 recycled, recycled_life_ns, recycled_voluntary, recycled_involuntary, recycled_migrations;
	u64 recycled_yielded;
	u64 recycled_own[N_OWN];
	u64 recycled_unsplit_ns;
	u64 recycled_behind[N_BEHIND];
};

/* The CPUs that a thread has allowed itself, bit by bit. */
struct affinity {
	u64 ns;
	u64 mask[16];
};

/* One thread of the target. */
struct thread {
	u64 state;          /* run state, changed by compare-and-swap */
	u64 last_ns;        /* up to here `own` and `path` are accounted */
	u32 epoch;
	u32 on_cpu_part;    /* 0 user, 1 + class inside a system call; unknown for a thread found
			     * running at attach, until its next call; unsplit while its calls are
			     * not seen (sample.c) */
	u32 blocked_part;   /* the part of `own` that a sleep counts under */
	u32 call_nr;
	u64 call_start_ns, call_off_ns;
	u64 sleeps;         /* interruptible ones in the present call: for an event, not for a lock */
	u64 in_ns, out_ns;  /* last switch-in, switch-out */
	u64 woken_ns;
	u32 waking_cpu;
	u32 source;         /* who woke it */
	u32 tid, tgid;
	u32 fresh;          /* created and not yet returned from the kernel */
	u32 reads_control;
	u32 exec_slot;      /* set on a group's leader while another thread of it runs execve */
	u64 resumed[4];     /* switch-ins along the path, by what they resumed */
	u32 cpu;            /* where it last came in, */
	u32 wait;           /* and after what kind of wait */
	u32 is_worker;      /* of the kernel, for this process: never in user mode */
	u32 owner;          /* the thread that had the lock that `word` is, when the wait began */
	u64 word;           /* key of the futex word of the present call, 0 for none */
	u32 waits;          /* for that word, rather than waking */
	u32 for_blocks;     /* it sleeps, or slept last, for a block device */
	u32 awaited;        /* what its last sleep waited for that nobody of the target ended */
	/* on a CPU's queue (queues.c) */
	u32 queue_cpu;
	u64 queue_ns, queue_idle_ns, queue_other_ns;
	u64 queued_held_ns, queued_other_ns;
	u32 queue_epoch, is_throttled;
	u32 slot;           /* the number of this row */
	u32 affinity;       /* row of the call that chose its CPUs, 0 for none */
	u64 task;           /* its task_struct */
	u64 birth_ns, death_ns;
	u64 voluntary, involuntary, migrations;
	u64 yielded;        /* of the involuntary switches: by sched_yield */
	u64 path[N_PATH];
	u64 path_behind[N_BEHIND]; /* of the path's waits in a queue */
	u64 path_awaited[N_AWAITED]; /* of its sleeps that nobody of the target ended */
	u64 own[N_OWN];
	u64 own_behind[N_BEHIND];
	char comm[COMM_LENGTH];
	/* of --sample (sample.c) */
	u64 piece;          /* 1 + that which `sample` is of, 0 for none */
	u32 sample;         /* 1 + the group of the piece, 0: its calls are not seen */
	u32 asleep_part;    /* the part of the unseen call in which it slept last */
	u64 path_unsplit_ns, own_unsplit_ns; /* on a CPU while its calls were not seen */
	/* of probe stacks */
	u64 grid_ns;        /* the next point of the grid that the path has not reached */
	u64 node;           /* the last node of the path, 0 for none */
	u64 handovers;      /* how often the path was taken over by another thread */
	u64 owing;          /* the last node that has no stack yet */
	u32 life;           /* how many threads have had this row before */
	u32 ticks;          /* of the clock, while it was on a CPU, */
	u32 used_ticks;     /* and those that are in nodes */
	u32 prio;           /* when it was last pushed off a CPU (current_prio), 0 before */
	u32 first_cpu;      /* where the first stack was taken by the ticks since, */
	u32 only_polls;     /* it waits for its tasks in polls alone; set by user space */
	u64 first_stack;    /* the number of that first stack there */
	u32 call_part;      /* the part of its last call, which restart_syscall goes on with */
	u32 pad_call;
	u64 polls;          /* calls of an event loop that have returned, */
	u64 polls_before;   /* and those before the window */
	u64 polled_ns;      /* the last of these, or of waits for a lock, returned */
	u64 stretch_ns;     /* the longest time from there to the next one, */
	u64 stretch_end_ns; /* and when that was */
};
