#define HAVE_MALLOC_H 1
#include <cerrno>
#include <cstdint>
#include <unistd.h>
#include "tests/testutil.h"
