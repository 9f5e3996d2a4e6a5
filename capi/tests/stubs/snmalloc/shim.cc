// What snmalloc's tests call of snmalloc, made of the C library's names: its test library, for any allocator.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <test/snmalloc_testlib.h>
#include <time.h>

namespace snmalloc
{
  template<ZeroMem zero> void* alloc(size_t size)
  {
    return zero == ZeroMem::YesZero ? ::calloc(1, size) : ::malloc(size);
  }
  template void* alloc<ZeroMem::YesZero>(size_t);
  template void* alloc<ZeroMem::NoZero>(size_t);

  template<ZeroMem zero> void* alloc_aligned(size_t align, size_t size)
  {
    void* block = ::aligned_alloc(align, size);
    return zero == ZeroMem::YesZero && block != nullptr ? ::memset(block, 0, size) : block;
  }
  template void* alloc_aligned<ZeroMem::YesZero>(size_t, size_t);
  template void* alloc_aligned<ZeroMem::NoZero>(size_t, size_t);

  void dealloc(void* block) { ::free(block); }
  void dealloc(void* block, size_t) { ::free(block); }
  void dealloc(void* block, size_t, size_t) { ::free(block); }
  size_t alloc_size(const void* block) { return ::malloc_usable_size(const_cast<void*>(block)); }
  bool is_owned(void*) { return true; }
  void debug_check_empty(bool* result) { if (result != nullptr) *result = true; }
  void debug_in_use(size_t) {}
  void debug_teardown() {}
  void cleanup_unused() { ::malloc_trim(0); }
  [[noreturn]] void error(const char* text)
  {
    fprintf(stderr, "%s\n", text);
    abort();
  }
  void message_impl(const char* text) { fprintf(stderr, "%s\n", text); }
  size_t max_small_sizeclass_bits() { return 16; }
  size_t pal_address_bits() { return 48; }
  void pal_pause() {}
  uint64_t pal_tick()
  {
    timespec now;
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return uint64_t(now.tv_sec) * 1000000000 + uint64_t(now.tv_nsec);
  }

  namespace libc
  {
    void* malloc(size_t size) { return ::malloc(size); }
    void* malloc_small(smallsizeclass_t sizeclass) { return ::malloc(sizeclass_to_size_const(sizeclass)); }
    void* malloc_small_zero(smallsizeclass_t sizeclass) { return ::calloc(1, sizeclass_to_size_const(sizeclass)); }
    void free(void* block) { ::free(block); }
    void* calloc(size_t count, size_t size) { return ::calloc(count, size); }
    void* realloc(void* block, size_t size) { return ::realloc(block, size); }
    size_t malloc_usable_size(const void* block) { return alloc_size(block); }
  }

  struct TestScopedAllocator {};
  TestScopedAllocator* create_scoped_allocator() { return nullptr; }
  void destroy_scoped_allocator(TestScopedAllocator*) {}
  void* scoped_alloc(TestScopedAllocator*, size_t size) { return ::malloc(size); }
  ScopedAllocHandle::ScopedAllocHandle() : ptr(nullptr) {}
  ScopedAllocHandle::~ScopedAllocHandle() {}
  void* ScopedAllocHandle::alloc(size_t size) { return ::malloc(size); }
  void ScopedAllocHandle::dealloc(void* block) { ::free(block); }
  void ScopedAllocHandle::dealloc(void* block, size_t) { ::free(block); }
  ScopedAllocHandle* ScopedAllocHandle::operator->() { return this; }
  const ScopedAllocHandle* ScopedAllocHandle::operator->() const { return this; }
  ScopedAllocHandle get_scoped_allocator() { return ScopedAllocHandle(); }
}
