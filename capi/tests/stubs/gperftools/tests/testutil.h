// What gperftools' tests use of its own test support.
#pragma once
#include <cstdio>
#include <cstdlib>

static void (*volatile noopt_helper)(void *) = +[](void *) {};

template <typename T> T noopt(T value)
{
    noopt_helper(&value);
    return value;
}

inline void SetTestResourceLimit() {}

#define CHECK(what) \
    do { if (!(what)) { fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #what); exit(1); } } while (0)
#define CHECK_EQ(left, right) CHECK((left) == (right))
#define LOG(level, ...) (fprintf(stderr, __VA_ARGS__), exit(1))
