/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Histograms: 16 steps per octave up to 2^HIST_OCTAVES ns, so that 0.2 us and 1.7 us are far
 * apart and the middle of a step is off by 1/32 at most. The reader, and the sizes, are
 * tracer/model/histogram.py; a test holds the two together.
 */

/* `bits` where the value has bits above that many, else 0. Without a branch: each would double the
 * paths that the verifier follows. The barrier keeps the compiler from making one of it. */
static inline u64 bits_above(u64 value, u64 bits)
{
	u64 above = value >> bits;

	above |= -above;
	asm volatile("" : "+r"(above));
	return (above >> 63) * bits;
}

static inline u32 hist_bucket(u64 ns)
{
	u64 v = ns, octave, step;

	if (v < 16)
		return (u32)v;
	if (v >> HIST_OCTAVES)
		return HIST_BUCKETS - 1;
	octave = bits_above(v, 32);
	v >>= octave;
	step = bits_above(v, 16);
	v >>= step;
	octave += step;
	step = bits_above(v, 8);
	v >>= step;
	octave += step;
	step = bits_above(v, 4);
	v >>= step;
	octave += step;
	step = bits_above(v, 2);
	v >>= step;
	octave += step + (v >> 1);
	return (u32)((octave - 3) * 16 + (ns >> (octave - 4) & 15));
}

/* Statistics of a CPU are written by it alone. On a host of more than STAT_CPUS CPUs several share a set
 * of them, whose counters are then changed atomically. */
#if MAX_CPUS > STAT_CPUS
#define STAT_SET(cpu) ((cpu) % STAT_CPUS)
#define COUNT(counter, n) __sync_fetch_and_add(&(counter), (u64)(n))
#else
#define STAT_SET(cpu) (cpu)
#define COUNT(counter, n) ((counter) += (n))
#endif

/* To a histogram that several CPUs write. */
static inline void hist_add_shared(struct hist *h, u64 ns)
{
	u64 bucket = hist_bucket(ns), max = h->max;

	asm volatile("" : "+r"(bucket)); /* the verifier wants the bound right before its use */
	if (bucket >= HIST_BUCKETS)
		return;
	__sync_fetch_and_add(&h->buckets[bucket], 1);
	__sync_fetch_and_add(&h->sum, ns);
#pragma clang loop unroll(disable)
	for (int attempt = 0; attempt < 4 && ns > max; attempt++)
		max = __sync_val_compare_and_swap(&h->max, max, ns);
}

static inline void hist_add(struct hist *h, u64 ns)
{
#if MAX_CPUS > STAT_CPUS
	hist_add_shared(h, ns);
#else
	u32 bucket = hist_bucket(ns);

	h->sum += ns;
	if (ns > h->max)
		h->max = ns;
	if (bucket < HIST_BUCKETS)
		h->buckets[bucket]++;
#endif
}
