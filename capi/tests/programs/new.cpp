// new and delete in all their forms, with failure, handlers and exceptions.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#define CHECK(what) \
    do { if (!(what)) { fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #what); exit(1); } } while (0)

static const std::align_val_t wide{256};
static bool aligned(void *block) { return reinterpret_cast<std::uintptr_t>(block) % 256 == 0; }

// Before main, and destroyed after it.
static std::map<std::string, std::string> early{{"a key that is too long for its string", "and a value of the same kind"}};
static thread_local std::vector<std::string> mine;

static void forms()
{
    for (std::size_t size : {0, 1, 40, 5000, 100000, 3000000}) {
        ::operator delete(::operator new(size));
        ::operator delete(::operator new(size), size);
        ::operator delete(::operator new(size, std::nothrow), std::nothrow);
        ::operator delete[](::operator new[](size));
        ::operator delete[](::operator new[](size), size);
        ::operator delete[](::operator new[](size, std::nothrow), std::nothrow);
        void *block = ::operator new(size, wide);
        CHECK(aligned(block));
        ::operator delete(block, wide);
        block = ::operator new(size, wide);
        ::operator delete(block, size, wide);
        block = ::operator new(size, wide, std::nothrow);
        CHECK(aligned(block));
        ::operator delete(block, wide, std::nothrow);
        block = ::operator new[](size, wide);
        CHECK(aligned(block));
        ::operator delete[](block, wide);
        block = ::operator new[](size, wide);
        ::operator delete[](block, size, wide);
        block = ::operator new[](size, wide, std::nothrow);
        CHECK(aligned(block));
        ::operator delete[](block, wide, std::nothrow);
    }
    ::operator delete(nullptr);
}

static volatile std::size_t most = PTRDIFF_MAX / 2;
static int handled;
static void *volatile sink;

template <typename Call> static bool throws(Call call)
{
    try {
        call();
    } catch (const std::bad_alloc &) {
        return true;
    }
    return false;
}

static void failures()
{
    CHECK(throws([] { sink = ::operator new(most); }));
    CHECK(throws([] { sink = ::operator new[](most); }));
    CHECK(throws([] { sink = ::operator new(most, wide); }));
    CHECK(throws([] { std::vector<char> bytes(most); }));
    CHECK(::operator new(most, std::nothrow) == nullptr && ::operator new[](most, std::nothrow) == nullptr);
    CHECK(::operator new(most, wide, std::nothrow) == nullptr);
    std::set_new_handler([] {
        if (++handled == 3) std::set_new_handler(nullptr);
    });
    CHECK(throws([] { sink = ::operator new(most); }) && handled == 3);
    std::set_new_handler([] { throw std::bad_alloc(); });
    CHECK(throws([] { sink = ::operator new(most); }));
    CHECK(::operator new(most, std::nothrow) == nullptr);
    std::set_new_handler([] { throw std::runtime_error("of the handler's own"); });
    bool own = false;
    try {
        sink = ::operator new(most);
    } catch (const std::runtime_error &) {
        own = true;
    }
    CHECK(own);
    std::set_new_handler(nullptr);
}

int main()
{
    forms();
    failures();
    for (int round = 0; round < 50; round++) {
        std::thread([] {
            for (int at = 0; at < 100; at++) mine.push_back(std::string(at * 10, 'x'));
        }).join();
    }
    CHECK(early.size() == 1);
    return 0;
}
