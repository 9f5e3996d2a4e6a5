// A program under a limit on its address space: it takes what there is, is refused with ENOMEM and nothing else, and has all
// of it again afterwards; small blocks, a large one, and threads that take some as well.
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "limit.c:%d: %s\n", __LINE__, #condition); \
            exit(1); \
        } \
    } while (0)

// Far more than any of the limits, so that a limit that is none ends as well.
enum { MOST = 4 << 10, THREADS = 4 };

static void *blocks[MOST];

// Takes blocks of `size` bytes until there are no more, and frees them; says how many there were.
static int take_all(size_t size)
{
    int count = 0;
    while (count < MOST) {
        errno = 0;
        char *block = malloc(size);
        if (block == NULL) {
            CHECK(errno == ENOMEM);
            break;
        }
        memset(block, count, 64);
        blocks[count++] = block;
    }
    if (count > 0 && count < MOST) {
        // One that cannot grow stays as it is.
        char *first = blocks[0];
        errno = 0;
        CHECK(realloc(first, (size_t)1 << 40) == NULL && errno == ENOMEM && first[63] == 0);
    }
    for (int at = 0; at < count; at++)
        free(blocks[at]);
    return count;
}

static void *work(void *given)
{
    for (int at = 0; at < 1000; at++) {
        char *block = malloc((size_t)at);
        if (block != NULL && at > 0)
            block[at - 1] = 1;
        free(block);
    }
    return given;
}

int main(int count, char **values)
{
    size_t large = (size_t)atol(count > 1 ? values[1] : "1") << 10;
    void *block = malloc(large);
    CHECK(block != NULL);
    free(block);
    int first = take_all(64 << 10);
    CHECK(first > 0);
    // Within a tenth of it: what the threads and the output need is little.
    CHECK(take_all(64 << 10) >= first - first / 10 - 1);
    CHECK(take_all(1000) > 0);
    for (int at = 0; at < THREADS; at++) {
        pthread_attr_t small;
        pthread_attr_init(&small);
        pthread_attr_setstacksize(&small, 256 << 10);
        pthread_t thread;
        int code = pthread_create(&thread, &small, work, NULL);
        CHECK(code == 0 || code == EAGAIN);
        if (code == 0)
            pthread_join(thread, NULL);
    }
    puts("PASSED");
}
