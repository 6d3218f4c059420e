/* Known places on the path. Each round: alpha() computes, hands to the second thread, which computes
 * twice as long in beta(), sleeps in nap(), and holds a lock in hold() that the first thread then
 * waits for. Beside it a third thread computes in decoy(), for which nobody waits.
 *
 * places ROUNDS [recursion | broken | unlink] */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone))
#define WORK 400000

static sem_t to_second, to_first, to_third;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile int over;
static volatile long sink;

static inline __attribute__((always_inline)) void burn(long n)
{
	for (long i = 0; i < n; i++)
		sink += i;
}

NOINLINE void alpha(void) { burn(WORK); asm volatile(""); }
NOINLINE void beta(void) { burn(2 * WORK); asm volatile(""); }
NOINLINE void decoy(void) { burn(WORK); asm volatile(""); }
NOINLINE void nap(void) { nanosleep(&(struct timespec){0, 2000000}, NULL); asm volatile(""); }
NOINLINE void hold(void) { burn(WORK); asm volatile(""); }

static void *second(void *unused)
{
	(void)unused;
	for (;;) {
		sem_wait(&to_second);
		if (over)
			return NULL;
		beta();
		nap();
		pthread_mutex_lock(&lock);
		sem_post(&to_first);
		hold();
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
		decoy();
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
	for (int i = 0; i < rounds; i++) {
		sem_post(&to_third);
		alpha();
		sem_post(&to_second);
		sem_wait(&to_first);
		pthread_mutex_lock(&lock);
		pthread_mutex_unlock(&lock);
	}
	over = 1;
	sem_post(&to_second);
	sem_post(&to_third);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	return 0;
}
