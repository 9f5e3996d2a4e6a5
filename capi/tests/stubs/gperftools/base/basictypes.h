#include "tests/testutil.h"
