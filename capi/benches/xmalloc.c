// Producers and consumers as Lever and Boreham describe them (malloc() Performance in a Multithreaded Linux Environment,
// 2000): every block is freed by another thread than the one that allocated it. Batches of blocks pass through one
// bounded queue.
//
//   xmalloc [PAIRS [BATCHES]]
#include "common.h"

enum { BATCH = 4096, WAITING = 16, SIZES = 10 };

static const size_t sizes[SIZES] = {8, 12, 16, 24, 32, 48, 64, 96, 128, 192};

static void *queue[WAITING][BATCH];
static int first, waiting;
static long to_produce, to_consume;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER, room = PTHREAD_COND_INITIALIZER;

// Whether there is one more of what is counted; the lock is held.
static int one_of(long *left)
{
    if (*left == 0)
        return 0;
    --*left;
    return 1;
}

static void *produce(void *given)
{
    uint64_t chance = (uint64_t)(uintptr_t)given;
    void *batch[BATCH];
    for (;;) {
        pthread_mutex_lock(&lock);
        int mine = one_of(&to_produce);
        pthread_mutex_unlock(&lock);
        if (!mine)
            return NULL;
        for (int at = 0; at < BATCH; at++)
            batch[at] = take(sizes[below(&chance, SIZES)]);
        pthread_mutex_lock(&lock);
        while (waiting == WAITING)
            pthread_cond_wait(&room, &lock);
        memcpy(queue[(first + waiting++) % WAITING], batch, sizeof batch);
        pthread_cond_signal(&more);
        pthread_mutex_unlock(&lock);
    }
}

static void *consume(void *given)
{
    (void)given;
    void *batch[BATCH];
    for (;;) {
        pthread_mutex_lock(&lock);
        if (!one_of(&to_consume)) {
            pthread_mutex_unlock(&lock);
            return NULL;
        }
        while (waiting == 0)
            pthread_cond_wait(&more, &lock);
        memcpy(batch, queue[first], sizeof batch);
        first = (first + 1) % WAITING;
        waiting--;
        pthread_cond_signal(&room);
        pthread_mutex_unlock(&lock);
        for (int at = 0; at < BATCH; at++)
            free(batch[at]);
    }
}

int main(int count, char **values)
{
    long pairs = argument(count, values, 1, 2);
    to_produce = to_consume = argument(count, values, 2, 10000);
    pthread_t *threads = calloc(2 * (size_t)pairs, sizeof *threads);
    for (long at = 0; at < pairs; at++) {
        threads[2 * at] = start(produce, (void *)(uintptr_t)(88172645463325252ULL + (uint64_t)at));
        threads[2 * at + 1] = start(consume, NULL);
    }
    for (long at = 0; at < 2 * pairs; at++)
        pthread_join(threads[at], NULL);
    free(threads);
}
