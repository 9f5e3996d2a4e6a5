// Runs a program once, with a library preloaded, and says what it took.
//
//   measure MIB LIBRARY COMMAND ...
//
// Before that a process of its own writes MIB of memory and ends, so that the machine has as many pages at hand for every
// program. On the last line of standard error stand: seconds by the clock, seconds of processor time, and the largest
// resident size of the program or of one of its children, in KiB. The exit code is the program's.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void warm_up(size_t bytes)
{
    pid_t child = fork();
    if (child == 0) {
        char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory != MAP_FAILED)
            memset(memory, 1, bytes);
        _exit(memory == MAP_FAILED);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
        fprintf(stderr, "measure: cannot warm up\n");
        exit(2);
    }
}

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

int main(int count, char **values)
{
    if (count < 4) {
        fprintf(stderr, "measure MIB LIBRARY COMMAND ...\n");
        return 2;
    }
    size_t warmth = (size_t)atol(values[1]) << 20;
    if (warmth > 0)
        warm_up(warmth);
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    pid_t child = fork();
    if (child == 0) {
        setenv("LD_PRELOAD", values[2], 1);
        execvp(values[3], values + 3);
        perror(values[3]);
        _exit(127);
    }
    int status = 0;
    struct rusage usage;
    if (child < 0 || wait4(child, &status, 0, &usage) != child) {
        perror("measure");
        return 2;
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    double elapsed = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
    fprintf(stderr, "%.3f %.3f %ld\n", elapsed, seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
