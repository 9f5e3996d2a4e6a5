// Batches in several orders, after what is known of MicroQuill's SmartHeap benchmark for several processors: threads
// allocate batches of small blocks, most of them very small, and free some of them last in first out, others in the order
// of their allocation, others by the thread next to them; and some live for several rounds.
//
//   sh8bench [THREADS [ROUNDS]]
#include "common.h"

enum { BATCH = 2000, KEPT = 8 };

struct share {
    pthread_mutex_t lock;
    void **blocks;
    int count;
};

struct worker {
    uint64_t chance;
    long rounds;
    // What the thread before this one has left for it to free.
    struct share inbox;
    struct share *next;
};

// A half of all blocks are at most 64 bytes, nearly all at most 256, and the largest are 1000.
static size_t size_of_one(uint64_t *chance)
{
    uint64_t kind = next_number(chance) >> 60;
    return 1 + below(chance, kind < 8 ? 64 : kind < 15 ? 256 : 1000);
}

static void free_in_order(void **blocks, int count)
{
    for (int at = 0; at < count; at++)
        free(blocks[at]);
}

static void free_in_reverse(void **blocks, int count)
{
    while (count > 0)
        free(blocks[--count]);
}

static void **swap_share(struct share *share, void **blocks, int *count)
{
    pthread_mutex_lock(&share->lock);
    void **before = share->blocks;
    int held = share->count;
    share->blocks = blocks;
    share->count = *count;
    pthread_mutex_unlock(&share->lock);
    *count = held;
    return before;
}

// Frees what lies in a share, whoever allocated it.
static void empty(struct share *share, void **replacement, int count)
{
    void **blocks = swap_share(share, replacement, &count);
    free_in_order(blocks, count);
    free(blocks);
}

static void *work(void *given)
{
    struct worker *worker = given;
    uint64_t chance = worker->chance;
    void **kept[KEPT] = {0};
    for (long round = 0; round < worker->rounds; round++) {
        void **blocks = take(BATCH * sizeof *blocks);
        for (int at = 0; at < BATCH; at++)
            blocks[at] = take(size_of_one(&chance));
        switch (round % 4) {
        case 0:
            free_in_reverse(blocks, BATCH);
            free(blocks);
            break;
        case 1:
            free_in_order(blocks, BATCH);
            free(blocks);
            break;
        case 2:
            empty(&worker->inbox, NULL, 0);
            empty(worker->next, blocks, BATCH);
            break;
        default: {
            // The oldest of those that are kept goes: every other block first, and then the rest.
            void ***slot = &kept[round / 4 % KEPT];
            if (*slot) {
                for (int at = 0; at < BATCH; at += 2)
                    free((*slot)[at]);
                for (int at = BATCH - 1; at > 0; at -= 2)
                    free((*slot)[at]);
                free(*slot);
            }
            *slot = blocks;
        }
        }
    }
    for (int at = 0; at < KEPT; at++) {
        if (kept[at])
            free_in_order(kept[at], BATCH);
        free(kept[at]);
    }
    return NULL;
}

int main(int count, char **values)
{
    long threads = argument(count, values, 1, 4);
    pthread_t *handles = calloc((size_t)threads, sizeof *handles);
    struct worker *workers = calloc((size_t)threads, sizeof *workers);
    for (long at = 0; at < threads; at++) {
        pthread_mutex_init(&workers[at].inbox.lock, NULL);
        workers[at].chance = 88172645463325252ULL + (uint64_t)at;
        workers[at].rounds = argument(count, values, 2, 6000);
        workers[at].next = &workers[(at + 1) % threads].inbox;
    }
    for (long at = 0; at < threads; at++)
        handles[at] = start(work, &workers[at]);
    for (long at = 0; at < threads; at++)
        pthread_join(handles[at], NULL);
    for (long at = 0; at < threads; at++)
        empty(&workers[at].inbox, NULL, 0);
    free(workers);
    free(handles);
}
