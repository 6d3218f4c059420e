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

static inline void hist_add(struct hist *h, u64 ns)
{
	u32 bucket = hist_bucket(ns);

	h->sum += ns;
	if (ns > h->max)
		h->max = ns;
	if (bucket < HIST_BUCKETS)
		h->buckets[bucket]++;
}
