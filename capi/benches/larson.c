// A server as Larson and Krishnan describe it (Memory Allocation for Long-Running Server Applications, 1998): each worker
// has a table of blocks and replaces one after the other, chosen by chance, with one of another size. After so many
// replacements it ends, and a new thread takes over its table, and so frees what another one allocated.
//
//   larson [WORKERS [GENERATIONS [REPLACEMENTS]]]
#include "common.h"

enum { SLOTS = 5000, SMALLEST = 8, LARGEST = 1000 };

struct worker {
    uint64_t chance;
    long generations, replacements;
    void *slots[SLOTS];
};

static void *generation(void *given)
{
    struct worker *worker = given;
    uint64_t chance = worker->chance;
    for (long at = 0; at < worker->replacements; at++) {
        void **slot = &worker->slots[below(&chance, SLOTS)];
        free(*slot);
        *slot = take(SMALLEST + below(&chance, LARGEST - SMALLEST));
    }
    worker->chance = chance;
    return NULL;
}

// Follows one table from thread to thread.
static void *life(void *given)
{
    struct worker *worker = given;
    for (long at = 0; at < worker->generations; at++)
        pthread_join(start(generation, worker), NULL);
    return NULL;
}

int main(int count, char **values)
{
    long workers = argument(count, values, 1, 4);
    pthread_t *threads = calloc((size_t)workers, sizeof *threads);
    struct worker *all = calloc((size_t)workers, sizeof *all);
    for (long at = 0; at < workers; at++) {
        struct worker *worker = &all[at];
        worker->chance = 88172645463325252ULL + (uint64_t)at;
        worker->generations = argument(count, values, 2, 20);
        worker->replacements = argument(count, values, 3, 500000);
        // The first tables are shuffled by the main thread: what each worker gets lies among what the others get.
        for (int slot = 0; slot < SLOTS; slot++)
            worker->slots[slot] = take(SMALLEST + below(&worker->chance, LARGEST - SMALLEST));
    }
    for (long at = 0; at < workers; at++)
        threads[at] = start(life, &all[at]);
    for (long at = 0; at < workers; at++)
        pthread_join(threads[at], NULL);
    for (long at = 0; at < workers; at++)
        for (int slot = 0; slot < SLOTS; slot++)
            free(all[at].slots[slot]);
    free(all);
    free(threads);
}
