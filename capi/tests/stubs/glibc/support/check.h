/* What glibc's malloc tests use of its test support: the checks. */
#pragma once
#include "driver.h"

#define FAIL_RET(...) do { note_failure(__FILE__, __LINE__, __VA_ARGS__); return 1; } while (0)
#define FAIL_EXIT1(...) do { note_failure(__FILE__, __LINE__, __VA_ARGS__); exit(1); } while (0)
#define TEST_VERIFY(what) do { if (!(what)) note_failure(__FILE__, __LINE__, "not true: %s", #what); } while (0)
#define TEST_VERIFY_EXIT(what) do { if (!(what)) FAIL_EXIT1("not true: %s", #what); } while (0)
#define TEST_COMPARE(left, right) TEST_VERIFY((left) == (right))
