/* Rounds that take as long as the clock's period: half of each in first(), half in second().
 *
 * in_step PERIOD_NS ROUNDS */
#include <stdlib.h>
#include <time.h>

#define NOINLINE __attribute__((noinline, noclone))

static long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

#define UNTIL(name)                           \
	NOINLINE void name(long end_ns)       \
	{                                     \
		while (now_ns() < end_ns)     \
			asm volatile("" ::: "memory"); \
	}

UNTIL(first)
UNTIL(second)

int main(int argc, char **argv)
{
	long period_ns = atol(argv[1]), rounds = argc > 2 ? atol(argv[2]) : 0, at_ns = now_ns();

	for (; rounds; rounds--, at_ns += period_ns) {
		first(at_ns + period_ns / 2);
		second(at_ns + period_ns);
	}
	return 0;
}
