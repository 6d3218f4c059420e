/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Histograms: 16 steps per octave up to 2^HIST_OCTAVES ns, so that 0.2 us and 1.7 us are far
 * apart and the middle of a step is off by 1/32 at most. The reader, and the sizes, are
 * tracer/model/histogram.py; a test holds the two together.
 */

static inline u32 hist_bucket(u64 ns)
{
	u32 octave = 0;
	u64 v = ns;

	if (v < 16)
		return (u32)v;
	if (v >> HIST_OCTAVES)
		return HIST_BUCKETS - 1;
	if (v >> 32) { v >>= 32; octave += 32; }
	if (v >> 16) { v >>= 16; octave += 16; }
	if (v >> 8) { v >>= 8; octave += 8; }
	if (v >> 4) { v >>= 4; octave += 4; }
	if (v >> 2) { v >>= 2; octave += 2; }
	if (v >> 1) octave += 1;
	return (octave - 3) * 16 + (u32)((ns >> (octave - 4)) & 15);
}

static inline void hist_add(struct hist *h, u64 ns)
{
	u32 bucket = hist_bucket(ns);

	h->count++;
	h->sum += ns;
	if (ns > h->max)
		h->max = ns;
	if (bucket < HIST_BUCKETS)
		h->buckets[bucket]++;
}
