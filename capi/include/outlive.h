/* outlive: heaps that outlive their process. Made from capi/src by cbindgen: see capi/tests/header.rs. */

#ifndef OUTLIVE_H
#define OUTLIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 What a call answers.

 Further codes may come: what is not known is a failure.
 */
enum outlive_code
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /*
     It was done.
     */
    OUTLIVE_OK = 0,
    /*
     The system, the heap's limit or its reservation has no more memory, or the buffer is too small.
     */
    OUTLIVE_NO_MEMORY = 1,
    /*
     An argument cannot be right: a null pointer, text that is not UTF-8, an address outside of the heap.
     */
    OUTLIVE_ARGUMENT = 2,
    /*
     The system refused an operation on a file. The last commit is not affected.
     */
    OUTLIVE_FILE = 3,
    /*
     The heap's file is open already, here or in another process.
     */
    OUTLIVE_IN_USE = 4,
    /*
     The file, its log or the buffer holds no heap, or a damaged one. Nothing was changed.
     */
    OUTLIVE_DAMAGED = 5,
    /*
     Another version of the library, or one with other features, wrote the file.
     */
    OUTLIVE_OTHER_VERSION = 6,
    /*
     The log that holds the last commits is not there.
     */
    OUTLIVE_LOG_MISSING = 7,
    /*
     The address at which the heap was is taken, and the heap holds absolute pointers.
     */
    OUTLIVE_ADDRESS_TAKEN = 8,
    /*
     An earlier write has failed: open the heap again. Its last commit is whole.
     */
    OUTLIVE_FAILED = 9,
    /*
     The heap has no file, or was opened to be read, or by the process of which this one is a fork.
     */
    OUTLIVE_NOT_HERE = 10,
    /*
     There is no root of this name.
     */
    OUTLIVE_NO_ROOT = 11,
    /*
     The heap's root is not a directory of names: a program wrote it that does without.
     */
    OUTLIVE_OTHER_ROOTS = 12,
    /*
     Something else, which the message tells.
     */
    OUTLIVE_OTHER = 13,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum outlive_code outlive_code;
#else
typedef int32_t outlive_code;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/*
 A heap. It can be used from any number of threads, and is closed by one.
 */
typedef struct outlive_heap outlive_heap;

/*
 A commit that was made.
 */
typedef struct outlive_commit {
    /*
     Its number: one more than that of the commit before.
     */
    uint64_t sequence;
    /*
     Lines of 64 bytes that it changed.
     */
    uint64_t lines;
    /*
     Pages of 4096 bytes in which they lie.
     */
    uint64_t pages;
} outlive_commit;

/*
 How a heap is to be. All zeros are the defaults.
 */
typedef struct outlive_options {
    /*
     The most bytes of pages that may be in use at one time; 0 for no limit.
     */
    size_t limit;
    /*
     Bytes of address space to reserve, beyond which the heap cannot grow; 0 for 64 GiB.
     */
    size_t reservation;
    /*
     Whether the file must exist.
     */
    bool must_exist;
    /*
     Whether the file must not exist.
     */
    bool must_be_new;
    /*
     Whether the heap is only read.
     */
    bool read_only;
} outlive_options;

/*
 A heap in numbers, in bytes unless it says otherwise.
 */
typedef struct outlive_statistics {
    /*
     Address space: what the heap can grow to.
     */
    uint64_t reserved;
    /*
     Memory that can be touched.
     */
    uint64_t committed;
    /*
     About what the system counts as resident.
     */
    uint64_t resident;
    /*
     Blocks in use.
     */
    uint64_t used;
    /*
     Blocks that wait in threads' magazines.
     */
    uint64_t cached;
    /*
     Free blocks and pages.
     */
    uint64_t free;
    /*
     The most that was in use at one time, in whole pages.
     */
    uint64_t peak;
    /*
     The limit; 0 without one.
     */
    uint64_t limit;
    /*
     The number of the last commit; 0 without one.
     */
    uint64_t last_commit;
} outlive_statistics;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/*
 The version of the library, as `MAJOR.MINOR.PATCH`.
 */
const char *outlive_version(void);

/*
 Allocates `size` bytes, aligned to 16; null where there is no memory for them.

 Wants:
 `heap` is open.
 */
void *outlive_alloc(const struct outlive_heap *heap, size_t size);

/*
 Allocates `size` bytes that are zero, aligned to 16; null where there is no memory for them.

 Wants:
 `heap` is open.
 */
void *outlive_alloc_zeroed(const struct outlive_heap *heap, size_t size);

/*
 Allocates `size` bytes at a multiple of `align`, a power of two, or of 16 if that is more; null where there is no memory
 for them.

 Wants:
 `heap` is open.
 */
void *outlive_alloc_aligned(const struct outlive_heap *heap, size_t align, size_t size);

/*
 Makes a block larger or smaller, and returns where it is now, aligned to 16: its content moves along. Null where there is no
 memory; the block is then as it was. A null `block` is a new one.

 Wants:
 `heap` is open; `block` is null, or one of its blocks, and used no more if the call succeeds.
 */
void *outlive_realloc(const struct outlive_heap *heap, void *block, size_t size);

/*
 Frees a block; null is none. What is no block of the heap ends the process with a message.

 Wants:
 `heap` is open; `block` is null, or one of its blocks, and used no more.
 */
void outlive_free(const struct outlive_heap *heap, void *block);

/*
 The bytes that a block holds, which may be more than were asked for; 0 where no block begins.

 Wants:
 `heap` is open.
 */
size_t outlive_usable_size(const struct outlive_heap *heap, const void *block);

/*
 Where an address lies in the heap, which is the same in every run; 0 for null and for what lies outside of it.

 Wants:
 `heap` is open.
 */
uint64_t outlive_offset_of(const struct outlive_heap *heap, const void *address);

/*
 The address at an offset; null for 0 and for what lies outside of the heap.

 Wants:
 `heap` is open.
 */
void *outlive_at(const struct outlive_heap *heap, uint64_t offset);

/*
 What the last call that failed in this thread had to say; an empty text before the first one. It stays until the next
 failure in this thread.
 */
const char *outlive_message(void);

/*
 The name of a code, for people.
 */
const char *outlive_code_name(int32_t code);

/*
 Makes everything in the heap durable in one step: after any crash all of it is there, or all that the commit before left.
 Other threads must not be in the midst of changing what belongs together. `commit` may be null.

 Wants:
 `heap` is open; `commit` is null, or can be written.
 */
outlive_code outlive_persist(const struct outlive_heap *heap, struct outlive_commit *commit);

/*
 Copies the last commit of a heap into a file of its own, which appears as a whole, while the heap goes on.

 Wants:
 `heap` is open; `path` ends with a zero.
 */
outlive_code outlive_snapshot(const struct outlive_heap *heap, const char *path);

/*
 Writes a heap as it is, in memory or not, to a file, which appears as a whole and can be opened.

 Wants:
 `heap` is open; `path` ends with a zero.
 */
outlive_code outlive_save(const struct outlive_heap *heap, const char *path);

/*
 Names a block, so that `outlive_root` finds it, in this run and, after a commit, in any later one. A name that is given
 already is given to this block; with a null `block` it is taken away.

 Wants:
 `heap` is open; `name` ends with a zero.
 */
outlive_code outlive_set_root(const struct outlive_heap *heap, const char *name, const void *block);

/*
 The block of this name, in `block`; null there, and `OUTLIVE_NO_ROOT`, if there is none.

 Wants:
 `heap` is open; `name` ends with a zero; `block` can be written.
 */
outlive_code outlive_root(const struct outlive_heap *heap, const char *name, void **block);

/*
 Calls `each` with every name and its block, and with `closure`, until it returns false. It must not change the names.

 Wants:
 `heap` is open; `each` can be called.
 */
outlive_code outlive_each_root(const struct outlive_heap *heap, bool (*each)(const char *name, void *block, void *closure), void *closure);

/*
 Opens the heap in a file, or makes it, and writes it to `heap`. What its last commit left is there again.

 Wants:
 `path` ends with a zero; `options` is null or can be read; `heap` can be written.
 */
outlive_code outlive_open(const char *path, const struct outlive_options *options, struct outlive_heap **heap);

/*
 Makes a heap in memory, which is gone when it is closed.

 Wants:
 `options` is null or can be read; `heap` can be written.
 */
outlive_code outlive_in_memory(const struct outlive_options *options, struct outlive_heap **heap);

/*
 Makes a heap in a buffer of the caller's, of fixed size. When it is closed the buffer holds its image.

 Wants:
 `buffer` has `size` bytes, which nobody else uses until the heap is closed; `options` is null or can be read; `heap` can be
 written.
 */
outlive_code outlive_in_buffer(void *buffer, size_t size, const struct outlive_options *options, struct outlive_heap **heap);

/*
 Takes up the image that a heap left in a buffer, wherever the buffer lies now. Its metadata is checked first.

 Wants:
 As for `outlive_in_buffer`.
 */
outlive_code outlive_attach(void *buffer, size_t size, const struct outlive_options *options, struct outlive_heap **heap);

/*
 Closes a heap; null is none. What was not persisted is gone, and so is the handle, whatever the answer.

 Wants:
 `heap` is null, or came from one of the functions that make heaps, and is used no more.
 */
outlive_code outlive_close(struct outlive_heap *heap);

/*
 The heap in numbers, at about one moment.

 Wants:
 `heap` is open; `statistics` can be written.
 */
outlive_code outlive_statistics_of(const struct outlive_heap *heap, struct outlive_statistics *statistics);

/*
 Gives back to the system all memory that is free.

 Wants:
 `heap` is open.
 */
outlive_code outlive_trim(const struct outlive_heap *heap);

/*
 Checks all metadata of an open heap, and changes nothing. `OUTLIVE_DAMAGED` if there is anything to say, which the
 message does.

 Wants:
 `heap` is open.
 */
outlive_code outlive_check(const struct outlive_heap *heap);

/*
 Checks the files of a heap that nobody has open, and changes nothing. `OUTLIVE_DAMAGED` if there is anything to say,
 which the message does.

 Wants:
 `path` ends with a zero.
 */
outlive_code outlive_check_file(const char *path);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* OUTLIVE_H */
