/* A function with 12 KiB of variables between main() and the one that computes: what called it lies
 * behind 8 KiB of stack. */
#include <time.h>

static volatile long sink;

__attribute__((noinline, noclone)) void spin(char *variables)
{
	struct timespec now, end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_nsec += 300000000;
	if (end.tv_nsec >= 1000000000) {
		end.tv_sec++;
		end.tv_nsec -= 1000000000;
	}
	do {
		for (int i = 0; i < 200000; i++)
			sink += variables[i % 4096];
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec < end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
}

__attribute__((noinline, noclone)) void large(void)
{
	char variables[12 << 10] = "";

	spin(variables);
	sink += variables[1];
}

int main(void)
{
	large();
	return 0;
}
