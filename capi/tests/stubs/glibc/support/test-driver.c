/* Runs a test in a child with a limit in time, and compares how it ended with what the test expects. */
#include "driver.h"
#ifndef TIMEOUT
#define TIMEOUT DEFAULT_TIMEOUT
#endif
#ifndef EXPECTED_SIGNAL
#define EXPECTED_SIGNAL 0
#endif
#ifndef TEST_FUNCTION
#define TEST_FUNCTION do_test()
#endif

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    pid_t child = fork();
    if (child == 0) {
        alarm(TIMEOUT * 5);
        int code = TEST_FUNCTION;
        exit(code != 0 ? code : failures);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror("fork and waitpid");
        return 1;
    }
    if (WIFSIGNALED(status)) {
        fprintf(stderr, "ended by signal %d\n", WTERMSIG(status));
        return WTERMSIG(status) == EXPECTED_SIGNAL ? 0 : 1;
    }
    return EXPECTED_SIGNAL != 0 ? 1 : WEXITSTATUS(status);
}
