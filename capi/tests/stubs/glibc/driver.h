/* Failures, and the calls that must not fail. */
#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_TIMEOUT 20
#ifndef __GNUC_PREREQ
#error "these tests are for glibc"
#endif

static volatile int failures;

static __attribute__((unused, format(printf, 3, 4))) void note_failure(const char *file, int line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s:%d: ", file, line);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    failures = 1;
}

#define SURELY(what) ({ __typeof__(what) answer_ = (what); if (answer_ == (__typeof__(answer_))-1) { perror(#what); exit(1); } answer_; })
#define SURELY_0(what) do { int code_ = (what); if (code_ != 0) { errno = code_; perror(#what); exit(1); } } while (0)
#define SURELY_SOME(what) ({ void *block_ = (what); if (block_ == NULL) { perror(#what); exit(1); } block_; })

#define xmalloc(size) SURELY_SOME(malloc(size))
#define xcalloc(count, size) SURELY_SOME(calloc(count, size))
#define xfork() SURELY(fork())
#define xsysconf(name) SURELY(sysconf(name))
#define xopen(...) SURELY(open(__VA_ARGS__))
#define xmmap(place, size, access, flags, file) SURELY(mmap(place, size, access, flags, file, 0))
#define xsignal(number, handler) SURELY(signal(number, handler))
#define xpthread_create(attributes, start, closure) \
    ({ pthread_t thread_; SURELY_0(pthread_create(&thread_, attributes, start, closure)); thread_; })
#define xpthread_join(thread) ({ void *result_; SURELY_0(pthread_join(thread, &result_)); result_; })
#define xpthread_kill(thread, number) SURELY_0(pthread_kill(thread, number))
#define xpthread_barrier_init(barrier, attributes, count) SURELY_0(pthread_barrier_init(barrier, attributes, count))
#define xpthread_barrier_destroy(barrier) SURELY_0(pthread_barrier_destroy(barrier))
#define xpthread_barrier_wait(barrier) \
    ({ int code_ = pthread_barrier_wait(barrier); if (code_ > 0) { errno = code_; perror("pthread_barrier_wait"); exit(1); } \
       code_ == PTHREAD_BARRIER_SERIAL_THREAD; })
#define xpthread_barrierattr_init(attributes) SURELY_0(pthread_barrierattr_init(attributes))
#define xpthread_barrierattr_destroy(attributes) SURELY_0(pthread_barrierattr_destroy(attributes))
#define xpthread_barrierattr_setpshared(attributes, value) SURELY_0(pthread_barrierattr_setpshared(attributes, value))

#define support_shared_allocate(size) \
    SURELY(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))
#define support_shared_free(place) ((void)(place))
#define array_length(array) (sizeof(array) / sizeof((array)[0]))
#define MALLOC_ALIGNMENT 16
#define MALLOC_ALIGN_MASK (MALLOC_ALIGNMENT - 1)

#define write_message(text) ((void)!write(STDOUT_FILENO, text, strlen(text)))
#define ignore_stderr() ((void)0)

/* A file of its own in the current folder, which is the run's. */
static __attribute__((unused)) int create_temp_file(const char *base, char **name)
{
    char *path;
    if (asprintf(&path, "%s.XXXXXX", base) < 0) {
        abort();
    }
    int file = SURELY(mkstemp(path));
    if (name != NULL) {
        *name = path;
    }
    return file;
}

#define DIAG_PUSH_NEEDS_COMMENT _Pragma("GCC diagnostic push")
#define DIAG_POP_NEEDS_COMMENT _Pragma("GCC diagnostic pop")
#define DIAG_IGNORE_NEEDS_COMMENT(version, option)
#define DIAG_IGNORE_O3_NEEDS_COMMENT(version, option)
