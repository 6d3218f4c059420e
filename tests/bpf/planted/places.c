/* Known places on the path, one after the other: on a busy host too, since both threads of the path
 * are on one CPU, which nobody takes from them where SCHED_FIFO is allowed. Each round: the second thread
 * takes a lock; the first one computes in alpha(), lets the second one go on, and waits for the lock;
 * the second one computes twice as long in beta(), sleeps in nap(), computes in hold() and gives the
 * lock back. Beside it a third thread computes in decoy(), for which nobody waits.
 *
 * places ROUNDS [recursion | broken | unlink | times FILE]: to FILE the CPU time, ns, that alpha,
 * beta, hold and decoy took. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone))
#define WORK 1000000

static sem_t to_second, to_first, to_third;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile int over;

/* The same code for all, and no memory, by which threads slow each other down. */
NOINLINE void burn(long n)
{
	while (--n)
		asm volatile("" : "+r"(n));
}

static long cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

static long alpha_ns, beta_ns, hold_ns, decoy_ns;

#define WORKER(name, n)                         \
	NOINLINE void name(long *spent_ns)      \
	{                                       \
		long before = cpu_ns();         \
		burn(n);                        \
		*spent_ns += cpu_ns() - before; \
	}

WORKER(alpha, WORK)
WORKER(beta, 2 * WORK)
WORKER(hold, WORK)
WORKER(decoy, WORK)
NOINLINE void nap(void) { nanosleep(&(struct timespec){0, 2000000}, NULL); asm volatile(""); }

static void *second(void *unused)
{
	(void)unused;
	for (;;) {
		sem_wait(&to_second);
		if (over)
			return NULL;
		pthread_mutex_lock(&lock);
		sem_post(&to_first);
		sem_wait(&to_second);
		beta(&beta_ns);
		nap();
		hold(&hold_ns);
		pthread_mutex_unlock(&lock);
	}
}

static void *third(void *unused)
{
	(void)unused;
	for (;;) {
		sem_wait(&to_third);
		if (over)
			return NULL;
		decoy(&decoy_ns);
	}
}

NOINLINE int deep(int depth)
{
	int found = depth ? deep(depth - 1) + 1 : 0;

	if (!depth)
		burn(200 * WORK);
	asm volatile("" : "+r"(found));
	return found;
}

/* Computes on a stack that leads nowhere. */
NOINLINE void broken(void)
{
	long n = 200L * WORK;
	char *memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(memory, 0x41, 1 << 20);
	asm volatile("mov %%rsp, %%r12\n"
		     "lea 0x80000(%1), %%rsp\n"
		     "1: dec %0\n"
		     "jnz 1b\n"
		     "mov %%r12, %%rsp\n"
		     : "+r"(n) : "r"(memory) : "r12", "memory");
}

static void one_after_the_other(pthread_t first, pthread_t second)
{
	struct sched_param of_path = {.sched_priority = 1};
	cpu_set_t here;

	CPU_ZERO(&here);
	CPU_SET(sched_getcpu(), &here);
	pthread_setaffinity_np(first, sizeof(here), &here);
	pthread_setaffinity_np(second, sizeof(here), &here);
	pthread_setschedparam(first, SCHED_FIFO, &of_path);
	pthread_setschedparam(second, SCHED_FIFO, &of_path);
}

int main(int argc, char **argv)
{
	pthread_t threads[2];
	int rounds = atoi(argv[1]);
	const char *mode = argc > 2 ? argv[2] : "";

	if (!strcmp(mode, "recursion"))
		return deep(200) != 200;
	if (!strcmp(mode, "broken")) {
		broken();
		return 0;
	}
	if (!strcmp(mode, "unlink"))
		unlink(argv[0]);
	sem_init(&to_second, 0, 0);
	sem_init(&to_first, 0, 0);
	sem_init(&to_third, 0, 0);
	pthread_create(&threads[0], NULL, second, NULL);
	pthread_create(&threads[1], NULL, third, NULL);
	one_after_the_other(pthread_self(), threads[0]);
	for (int i = 0; i < rounds; i++) {
		sem_post(&to_third);
		sem_post(&to_second);
		sem_wait(&to_first);
		alpha(&alpha_ns);
		sem_post(&to_second);
		pthread_mutex_lock(&lock);
		pthread_mutex_unlock(&lock);
	}
	over = 1;
	sem_post(&to_second);
	sem_post(&to_third);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	if (!strcmp(mode, "times")) {
		FILE *file = fopen(argv[3], "w");

		fprintf(file, "alpha %ld\nbeta %ld\nhold %ld\ndecoy %ld\n", alpha_ns, beta_ns,
			hold_ns, decoy_ns);
		fclose(file);
	}
	return 0;
}
