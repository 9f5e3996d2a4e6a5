// What the programs share: numbers by chance, the writing of blocks, threads.
#ifndef COMMON_H
#define COMMON_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// xorshift64*: the same numbers for every allocator.
static inline uint64_t next_number(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545F4914F6CDD1DULL;
}

// A number below `bound`.
static inline size_t below(uint64_t *state, size_t bound)
{
    return (size_t)(((next_number(state) >> 32) * bound) >> 32);
}

static inline void must(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "%s\n", what);
        abort();
    }
}

// A block whose first and last bytes are written, as a program's would be.
static inline void *take(size_t size)
{
    char *block = malloc(size);
    must(block != NULL, "no memory");
    block[0] = (char)size;
    block[size - 1] = (char)size;
    return block;
}

static inline pthread_t start(void *(*run)(void *), void *argument)
{
    pthread_t thread;
    must(pthread_create(&thread, NULL, run, argument) == 0, "no thread");
    return thread;
}

static inline long argument(int count, char **values, int at, long otherwise)
{
    return at < count ? atol(values[at]) : otherwise;
}

#endif
