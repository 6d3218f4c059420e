/* An event loop that stops polling: five rounds, then stuck() computes or, with the argument `asleep`,
 * sleeps, for 1 s. */
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

__attribute__((noinline, noclone)) void stuck(int sleeps)
{
	struct timespec now, end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec++;
	do {
		if (sleeps)
			nanosleep(&(struct timespec){1, 0}, NULL);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec < end.tv_sec || now.tv_nsec < end.tv_nsec);
}

int main(int argc, char **argv)
{
	struct epoll_event event;
	int loop = epoll_create1(0);

	for (int i = 0; i < 5; i++)
		epoll_wait(loop, &event, 1, 2);
	stuck(argc > 1 && !strcmp(argv[1], "asleep"));
	return 0;
}
