/* Every function of outlive.h, with its errors. Run in a folder of its own. */
#include <outlive.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECK(what) \
    do { if (!(what)) { fprintf(stderr, "%s:%d: not true: %s (%s)\n", __FILE__, __LINE__, #what, outlive_message()); exit(1); } } while (0)

static void blocks(outlive_heap *heap)
{
    unsigned char *block = outlive_alloc(heap, 100);
    CHECK(block != NULL && (uintptr_t)block % 16 == 0 && outlive_usable_size(heap, block) >= 100);
    memset(block, 7, 100);
    for (size_t size = 200; size < 3000000; size = size * 3 / 2) {
        unsigned char *moved = outlive_realloc(heap, block, size);
        CHECK(moved != NULL && moved[0] == 7 && moved[99] == 7 && outlive_usable_size(heap, moved) >= size);
        moved[size - 1] = 9;
        block = moved;
    }
    block = outlive_realloc(heap, block, 50);
    CHECK(block != NULL && block[0] == 7 && block[49] == 7);
    CHECK(outlive_at(heap, outlive_offset_of(heap, block)) == block);
    outlive_free(heap, block);
    outlive_free(heap, NULL);
    for (size_t align = 1; align <= 1 << 20; align *= 2) {
        for (size_t size = 0; size < 100000; size = size * 5 + 1) {
            void *aligned = outlive_alloc_aligned(heap, align, size);
            CHECK(aligned != NULL && (uintptr_t)aligned % align == 0 && outlive_usable_size(heap, aligned) >= size);
            memset(aligned, 1, size);
            outlive_free(heap, aligned);
        }
    }
    CHECK(outlive_alloc_aligned(heap, 24, 10) == NULL && strstr(outlive_message(), "power of two") != NULL);
    CHECK(outlive_alloc(heap, (size_t)-1) == NULL && outlive_alloc(heap, (size_t)-1 / 4) == NULL);
    unsigned char *zeros = outlive_alloc_zeroed(heap, 70000);
    for (int at = 0; at < 70000; at++) CHECK(zeros[at] == 0);
    outlive_free(heap, zeros);
    int outside;
    CHECK(outlive_offset_of(heap, &outside) == 0 && outlive_offset_of(heap, NULL) == 0);
    CHECK(outlive_at(heap, 0) == NULL && outlive_at(heap, UINT64_MAX) == NULL);
    CHECK(outlive_usable_size(heap, &outside) == 0);
    CHECK(outlive_alloc(NULL, 1) == NULL && strstr(outlive_message(), "null") != NULL);
    CHECK(outlive_check(heap) == OUTLIVE_OK && outlive_trim(heap) == OUTLIVE_OK);
    outlive_statistics numbers;
    CHECK(outlive_statistics_of(heap, &numbers) == OUTLIVE_OK && numbers.reserved >= numbers.committed && numbers.committed > 0);
    CHECK(outlive_statistics_of(heap, NULL) == OUTLIVE_ARGUMENT);
}

static bool count_names(const char *name, void *block, void *closure)
{
    CHECK(name[0] == 'n' && block != NULL);
    ++*(int *)closure;
    return true;
}

static bool stop(const char *name, void *block, void *closure)
{
    (void)name, (void)block;
    return ++*(int *)closure < 3;
}

enum { NAMES = 100 };

static void name_blocks(outlive_heap *heap)
{
    void *block;
    char name[80];
    CHECK(outlive_root(heap, "n0", &block) == OUTLIVE_NO_ROOT && block == NULL);
    for (int at = 0; at < NAMES; at++) {
        int *value = outlive_alloc(heap, sizeof *value);
        *value = at;
        sprintf(name, "n%d", at);
        CHECK(outlive_set_root(heap, name, value) == OUTLIVE_OK);
    }
    /* Another block under the same name, and a name taken away. */
    int *other = outlive_alloc(heap, sizeof *other);
    *other = 1000;
    CHECK(outlive_set_root(heap, "n7", other) == OUTLIVE_OK && outlive_set_root(heap, "n8", NULL) == OUTLIVE_OK);
    CHECK(outlive_set_root(heap, "never", NULL) == OUTLIVE_OK);
    CHECK(outlive_set_root(heap, "", other) == OUTLIVE_ARGUMENT && outlive_set_root(heap, NULL, other) == OUTLIVE_ARGUMENT);
    memset(name, 'n', 57);
    name[57] = 0;
    CHECK(outlive_set_root(heap, name, other) == OUTLIVE_ARGUMENT);
    name[56] = 0;
    CHECK(outlive_set_root(heap, name, other) == OUTLIVE_OK);
    CHECK(outlive_root(heap, name, &block) == OUTLIVE_OK && block == other);
    CHECK(outlive_set_root(heap, "\xff", other) == OUTLIVE_ARGUMENT);
    int outside;
    CHECK(outlive_set_root(heap, "outside", &outside) == OUTLIVE_ARGUMENT);
}

static void find_blocks(outlive_heap *heap)
{
    void *block;
    char name[80];
    for (int at = 0; at < NAMES; at++) {
        sprintf(name, "n%d", at);
        outlive_code code = outlive_root(heap, name, &block);
        if (at == 8) {
            CHECK(code == OUTLIVE_NO_ROOT && block == NULL);
        } else {
            CHECK(code == OUTLIVE_OK && *(int *)block == (at == 7 ? 1000 : at));
        }
    }
    int count = 0;
    CHECK(outlive_each_root(heap, count_names, &count) == OUTLIVE_OK && count == NAMES);
    count = 0;
    CHECK(outlive_each_root(heap, stop, &count) == OUTLIVE_OK && count == 3);
    CHECK(outlive_each_root(heap, NULL, NULL) == OUTLIVE_ARGUMENT);
}

static void files(void)
{
    outlive_heap *heap, *second;
    outlive_options options = {.must_exist = true};
    CHECK(outlive_open("test.heap", &options, &heap) == OUTLIVE_FILE && heap == NULL);
    CHECK(outlive_open(NULL, NULL, &heap) == OUTLIVE_ARGUMENT && outlive_open("test.heap", NULL, NULL) == OUTLIVE_ARGUMENT);
    CHECK(outlive_open("test.heap", NULL, &heap) == OUTLIVE_OK);
    CHECK(outlive_open("test.heap", NULL, &second) == OUTLIVE_IN_USE && strstr(outlive_message(), "test.heap") != NULL);
    blocks(heap);
    name_blocks(heap);
    outlive_commit commit;
    CHECK(outlive_persist(heap, &commit) == OUTLIVE_OK && commit.sequence == 1);
    CHECK(outlive_persist(heap, NULL) == OUTLIVE_OK);
    CHECK(outlive_snapshot(heap, "snapshot.heap") == OUTLIVE_OK);
    /* Not persisted, so gone. */
    void *block = outlive_alloc(heap, 10);
    CHECK(outlive_set_root(heap, "gone", block) == OUTLIVE_OK);
    CHECK(outlive_close(heap) == OUTLIVE_OK && outlive_close(NULL) == OUTLIVE_OK);
    CHECK(outlive_check_file("test.heap") == OUTLIVE_OK);
    options = (outlive_options){.must_be_new = true};
    CHECK(outlive_open("test.heap", &options, &heap) == OUTLIVE_FILE);
    CHECK(outlive_open("test.heap", NULL, &heap) == OUTLIVE_OK);
    find_blocks(heap);
    CHECK(outlive_root(heap, "gone", &block) == OUTLIVE_NO_ROOT);
    outlive_statistics numbers;
    CHECK(outlive_statistics_of(heap, &numbers) == OUTLIVE_OK && numbers.last_commit >= 1);
    CHECK(outlive_save(heap, "saved.heap") == OUTLIVE_OK);
    CHECK(outlive_close(heap) == OUTLIVE_OK);
    const char *copies[] = {"snapshot.heap", "saved.heap"};
    for (int at = 0; at < 2; at++) {
        options = (outlive_options){.read_only = true};
        CHECK(outlive_open(copies[at], &options, &heap) == OUTLIVE_OK);
        CHECK(outlive_open(copies[at], &options, &second) == OUTLIVE_OK);
        find_blocks(heap);
        CHECK(outlive_alloc(heap, 100) == NULL && outlive_persist(heap, NULL) == OUTLIVE_NOT_HERE);
        CHECK(outlive_close(second) == OUTLIVE_OK && outlive_close(heap) == OUTLIVE_OK);
    }
    FILE *garbage = fopen("garbage.heap", "w");
    for (int at = 0; at < 100000; at++) fputc(at * 7, garbage);
    fclose(garbage);
    CHECK(outlive_open("garbage.heap", NULL, &heap) == OUTLIVE_DAMAGED && outlive_check_file("garbage.heap") != OUTLIVE_OK);
}

static void memory(void)
{
    outlive_heap *heap;
    CHECK(outlive_in_memory(NULL, &heap) == OUTLIVE_OK);
    blocks(heap);
    name_blocks(heap);
    find_blocks(heap);
    CHECK(outlive_persist(heap, NULL) == OUTLIVE_NOT_HERE);
    CHECK(outlive_close(heap) == OUTLIVE_OK);
    outlive_options options = {.limit = 1 << 20};
    CHECK(outlive_in_memory(&options, &heap) == OUTLIVE_OK);
    CHECK(outlive_alloc(heap, 2 << 20) == NULL && outlive_alloc(heap, 1 << 16) != NULL);
    CHECK(outlive_close(heap) == OUTLIVE_OK);
}

static void buffers(void)
{
    size_t size = 16 << 20;
    char *buffer = malloc(size), *elsewhere = malloc(size + 4096);
    outlive_heap *heap;
    CHECK(outlive_in_buffer(buffer, 100, NULL, &heap) == OUTLIVE_NO_MEMORY);
    CHECK(outlive_in_buffer(NULL, size, NULL, &heap) == OUTLIVE_ARGUMENT);
    CHECK(outlive_attach(memset(buffer, 0, size), size, NULL, &heap) == OUTLIVE_DAMAGED);
    CHECK(outlive_in_buffer(buffer, size, NULL, &heap) == OUTLIVE_OK);
    blocks(heap);
    name_blocks(heap);
    CHECK(outlive_close(heap) == OUTLIVE_OK);
    memcpy(elsewhere + 640, buffer, size);
    CHECK(outlive_attach(elsewhere + 640, size, NULL, &heap) == OUTLIVE_OK);
    find_blocks(heap);
    CHECK(outlive_close(heap) == OUTLIVE_OK);
    free(buffer);
    free(elsewhere);
}

static void *work(void *heap)
{
    void *held[200] = {0};
    unsigned state = (unsigned)(uintptr_t)&state;
    for (int round = 0; round < 50000; round++) {
        state = state * 1103515245 + 12345;
        int at = (state >> 16) % 200;
        outlive_free(heap, held[at]);
        held[at] = outlive_alloc(heap, state >> 20);
        CHECK(held[at] != NULL);
        memset(held[at], at, state >> 20);
    }
    for (int at = 0; at < 200; at++) outlive_free(heap, held[at]);
    CHECK(outlive_alloc_aligned(heap, 3, 1) == NULL);
    return NULL;
}

static void threads(void)
{
    outlive_heap *heap;
    pthread_t threads[8];
    CHECK(outlive_in_memory(NULL, &heap) == OUTLIVE_OK);
    for (int at = 0; at < 8; at++) CHECK(pthread_create(&threads[at], NULL, work, heap) == 0);
    for (int at = 0; at < 8; at++) CHECK(pthread_join(threads[at], NULL) == 0);
    outlive_statistics numbers;
    CHECK(outlive_statistics_of(heap, &numbers) == OUTLIVE_OK && numbers.used == 0);
    CHECK(outlive_check(heap) == OUTLIVE_OK && outlive_close(heap) == OUTLIVE_OK);
}

int main(void)
{
    CHECK(strcmp(outlive_message(), "") == 0);
    CHECK(strchr(outlive_version(), '.') != NULL);
    CHECK(strcmp(outlive_code_name(OUTLIVE_OK), "done") == 0 && strcmp(outlive_code_name(-1), "unknown") == 0);
    memory();
    buffers();
    files();
    threads();
    puts("all of outlive.h works");
    return 0;
}
