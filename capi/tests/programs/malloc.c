/* What the C library documents of its allocator, where allocators differ: run with and without the library preloaded. */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(what) \
    do { if (!(what)) { fprintf(stderr, "%s:%d: not true: %s (errno %d)\n", __FILE__, __LINE__, #what, errno); _exit(1); } } while (0)

static void *volatile early;
static void *(*volatile hidden_malloc)(size_t) = malloc;
static void *(*volatile hidden_realloc)(void *, size_t) = realloc;
static void *(*volatile hidden_calloc)(size_t, size_t) = calloc;

__attribute__((constructor(101))) static void before_main(void) { early = hidden_malloc(1000); }
__attribute__((destructor(101))) static void after_main(void) { free(early); free(hidden_malloc(100000)); }
static void at_exit(void) { early = hidden_realloc(early, 5000); }

static void sizes(void)
{
    for (size_t size = 0; size < 200000; size = size < 300 ? size + 1 : size * 9 / 8) {
        unsigned char *block = hidden_malloc(size), *second = hidden_malloc(size);
        CHECK(block != NULL && block != second && (uintptr_t)block % 16 == 0 && malloc_usable_size(block) >= size);
        memset(block, 0xee, malloc_usable_size(block));
        free(block);
        free(second);
        unsigned char *zeros = hidden_calloc(size, 3);
        for (size_t at = 0; at < size * 3; at++) CHECK(zeros[at] == 0);
        free(zeros);
    }
    CHECK(malloc_usable_size(NULL) == 0);
    free(NULL);
}

#define FAILS(call, code) do { errno = 0; CHECK((call) == NULL && errno == (code)); } while (0)

static void errors(void)
{
    volatile size_t most = SIZE_MAX, half = SIZE_MAX / 2;
    FAILS(hidden_malloc(most), ENOMEM);
    FAILS(hidden_malloc(half + 1), ENOMEM);
    FAILS(hidden_malloc(most - 8192), ENOMEM);
    FAILS(hidden_calloc(half, 3), ENOMEM);
    FAILS(hidden_calloc(1, most), ENOMEM);
    FAILS(aligned_alloc(64, most - 100), ENOMEM);
    FAILS(memalign(4096, most - 100), ENOMEM);
    FAILS(valloc(most), ENOMEM);
    FAILS(pvalloc(most), ENOMEM);
    char *block = hidden_malloc(100);
    strcpy(block, "stays");
    FAILS(hidden_realloc(block, most), ENOMEM);
    FAILS(reallocarray(block, half, 3), ENOMEM);
    CHECK(strcmp(block, "stays") == 0);
    void *place = block;
    errno = 77;
    CHECK(posix_memalign(&place, 0, 8) == EINVAL && posix_memalign(&place, 4, 8) == EINVAL);
    CHECK(posix_memalign(&place, 24, 8) == EINVAL && errno == 77);
    CHECK(posix_memalign(&place, 64, most) == ENOMEM && place == block);
    errno = 5;
    free(block);
    block = hidden_malloc(1 << 22);
    free(block);
    CHECK(errno == 5);
    block = hidden_malloc(10);
    errno = 6;
    CHECK(hidden_realloc(block, 0) == NULL && errno == 6);
    CHECK((block = hidden_realloc(NULL, 0)) != NULL);
    free(block);
}

static void alignments(void)
{
    for (size_t align = 8; align <= 1 << 22; align *= 2) {
        for (size_t size = 0; size < 300000; size = size * 7 + 1) {
            void *place;
            CHECK(posix_memalign(&place, align, size) == 0 && (uintptr_t)place % align == 0);
            CHECK(malloc_usable_size(place) >= size);
            memset(place, 3, size);
            free(place);
            char *block = memalign(align, size + 1);
            CHECK((uintptr_t)block % align == 0);
            block[size] = 4;
            block = hidden_realloc(block, size * 2 + 1000);
            CHECK(block[size] == 4);
            free(block);
            block = aligned_alloc(align, size);
            CHECK((uintptr_t)block % align == 0);
            free(block);
        }
    }
    void *block = memalign(48, 10);
    CHECK((uintptr_t)block % 64 == 0);
    free(block);
    size_t page = (size_t)getpagesize();
    block = valloc(10);
    CHECK((uintptr_t)block % page == 0);
    free(block);
    block = pvalloc(page + 1);
    CHECK((uintptr_t)block % page == 0 && malloc_usable_size(block) >= 2 * page);
    free(block);
}

static void reallocations(void)
{
    unsigned char *block = NULL;
    size_t size = 0;
    unsigned state = 1;
    for (int round = 0; round < 20000; round++) {
        state = state * 1103515245 + 12345;
        size_t next = 1 + (state >> 8) % (round % 50 == 0 ? 3000000 : 3000), kept = size < next ? size : next;
        block = hidden_realloc(block, next);
        CHECK(block != NULL && malloc_usable_size(block) >= next);
        if (kept > 0) CHECK(block[0] == 0x5a && block[kept / 2] == 0x5a && block[kept - 1] == 0x5a);
        memset(block, 0x5a, next);
        size = next;
    }
    free(block);
}

static pthread_key_t key;
static int ended;

static void at_thread_exit(void *mine)
{
    free(mine);
    /* After everybody else has cleaned up, for as many rounds as there are. */
    static __thread int rounds;
    if (++rounds < 4) CHECK(pthread_setspecific(key, hidden_malloc(5000)) == 0);
    else __atomic_fetch_add(&ended, 1, __ATOMIC_RELAXED);
}

static void *thread(void *gift)
{
    CHECK(pthread_setspecific(key, hidden_malloc(300)) == 0);
    free(gift);
    char *held[64];
    for (int at = 0; at < 64; at++) held[at] = memset(hidden_malloc(at * 37), at, at * 37);
    for (int at = 0; at < 63; at++) free(held[at]);
    return held[63];
}

static void threads(void)
{
    CHECK(pthread_key_create(&key, at_thread_exit) == 0);
    for (int round = 0; round < 200; round++) {
        pthread_t made[8];
        for (int at = 0; at < 8; at++) CHECK(pthread_create(&made[at], NULL, thread, hidden_malloc(100)) == 0);
        for (int at = 0; at < 8; at++) {
            void *gift;
            CHECK(pthread_join(made[at], &gift) == 0);
            free(gift);
        }
    }
    CHECK(ended == 1600);
}

static volatile int stop;
static void *busy(void *unused)
{
    for (unsigned at = 0; !stop; at++) free(hidden_malloc(at % 5000));
    return unused;
}

static void forks(void)
{
    pthread_t beside[3];
    for (int at = 0; at < 3; at++) CHECK(pthread_create(&beside[at], NULL, busy, NULL) == 0);
    for (int round = 0; round < 200; round++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            for (int at = 0; at < 1000; at++) free(hidden_malloc(at * 11));
            pthread_t last;
            CHECK(pthread_create(&last, NULL, thread, hidden_malloc(9)) == 0);
            CHECK(pthread_join(last, NULL) == 0);
            _exit(0);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child && status == 0);
    }
    stop = 1;
    for (int at = 0; at < 3; at++) CHECK(pthread_join(beside[at], NULL) == 0);
}

static void statistics(void)
{
    void *block = hidden_malloc(10 << 20);
    CHECK(mallinfo2().uordblks >= 10 << 20 || mallinfo2().hblkhd >= 10 << 20);
    free(block);
    CHECK(mallopt(M_MMAP_THRESHOLD, 1 << 20) == 1 && mallopt(12345, 1) <= 1);
    malloc_trim(0);
    FILE *sink = fopen("/dev/null", "w");
    CHECK(malloc_info(0, sink) == 0);
    errno = 0;
    CHECK(malloc_info(1, sink) != 0);
    fclose(sink);
}

int main(void)
{
    CHECK(early != NULL && malloc_usable_size(early) >= 1000);
    CHECK(atexit(at_exit) == 0);
    sizes();
    errors();
    alignments();
    reallocations();
    threads();
    forks();
    statistics();
    return 0;
}
