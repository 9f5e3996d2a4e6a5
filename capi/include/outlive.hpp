// outlive for C++17: heaps that close themselves, errors as exceptions, pointers that stay true from run to run, and
// allocators for the standard library's containers. Everything here is made of what is in outlive.h.
#ifndef OUTLIVE_HPP
#define OUTLIVE_HPP

#include "outlive.h"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace outlive {

/// What a call of the library answered, with its message.
class error : public std::runtime_error {
public:
    explicit error(outlive_code code) : std::runtime_error(outlive_message()), code_(code) {}
    outlive_code code() const noexcept { return code_; }

private:
    outlive_code code_;
};

/// Throws what a call answered, unless it was done.
inline void check(outlive_code code)
{
    if (code != OUTLIVE_OK) {
        throw error(code);
    }
}

/// A pointer into a heap that may be stored in the same heap: the distance from itself to what it points at. It stays true
/// wherever the heap is mapped, and when it is copied within the heap; a copy on the stack is as good, as long as the heap
/// is open. What is copied byte by byte, by `memcpy` or `realloc`, must not contain any.
template <typename T> class pptr {
public:
    using element_type = T;

    pptr() noexcept = default;
    pptr(std::nullptr_t) noexcept {}
    pptr(T *to) noexcept { *this = to; }
    pptr(const pptr &other) noexcept { *this = other.get(); }
    pptr &operator=(const pptr &other) noexcept { return *this = other.get(); }
    pptr &operator=(T *to) noexcept
    {
        // Nothing lies one byte behind its own pointer's beginning, so that this distance can stand for null.
        distance_ = to == nullptr ? null : reinterpret_cast<std::intptr_t>(to) - reinterpret_cast<std::intptr_t>(this);
        return *this;
    }

    T *get() const noexcept
    {
        return distance_ == null ? nullptr : reinterpret_cast<T *>(reinterpret_cast<std::intptr_t>(this) + distance_);
    }
    T *operator->() const noexcept { return get(); }
    template <typename U = T> std::enable_if_t<!std::is_void_v<U>, U &> operator*() const noexcept { return *get(); }
    template <typename U = T> std::enable_if_t<!std::is_void_v<U>, U &> operator[](std::ptrdiff_t at) const noexcept
    {
        return get()[at];
    }
    explicit operator bool() const noexcept { return distance_ != null; }

    friend bool operator==(const pptr &left, const pptr &right) noexcept { return left.get() == right.get(); }
    friend bool operator!=(const pptr &left, const pptr &right) noexcept { return left.get() != right.get(); }

private:
    static constexpr std::int64_t null = 1;
    std::int64_t distance_ = null;
};

/// A heap, closed at the end of its life.
class heap {
public:
    static heap open(const std::string &path, const outlive_options &options = {})
    {
        outlive_heap *made = nullptr;
        check(outlive_open(path.c_str(), &options, &made));
        return heap(made);
    }
    static heap in_memory(const outlive_options &options = {})
    {
        outlive_heap *made = nullptr;
        check(outlive_in_memory(&options, &made));
        return heap(made);
    }
    static heap in_buffer(void *buffer, std::size_t size, const outlive_options &options = {})
    {
        outlive_heap *made = nullptr;
        check(outlive_in_buffer(buffer, size, &options, &made));
        return heap(made);
    }
    static heap attach(void *buffer, std::size_t size, const outlive_options &options = {})
    {
        outlive_heap *made = nullptr;
        check(outlive_attach(buffer, size, &options, &made));
        return heap(made);
    }

    heap(heap &&other) noexcept : heap_(std::exchange(other.heap_, nullptr)) {}
    heap &operator=(heap &&other) noexcept
    {
        std::swap(heap_, other.heap_);
        return *this;
    }
    heap(const heap &) = delete;
    heap &operator=(const heap &) = delete;
    ~heap() { outlive_close(heap_); }

    /// Closes the heap, and says if that failed, which the destructor cannot.
    void close() { check(outlive_close(std::exchange(heap_, nullptr))); }

    void *allocate(std::size_t size, std::size_t align = alignof(std::max_align_t)) const
    {
        void *block = outlive_alloc_aligned(heap_, align, size);
        if (block == nullptr) {
            throw std::bad_alloc();
        }
        return block;
    }
    void deallocate(void *block) const noexcept { outlive_free(heap_, block); }
    std::size_t usable_size(const void *block) const noexcept { return outlive_usable_size(heap_, block); }

    /// A new value in the heap.
    template <typename T, typename... Arguments> T *make(Arguments &&...arguments) const
    {
        void *block = allocate(sizeof(T), alignof(T));
        try {
            return new (block) T(std::forward<Arguments>(arguments)...);
        } catch (...) {
            deallocate(block);
            throw;
        }
    }
    /// Ends a value from `make`.
    template <typename T> void destroy(T *value) const noexcept
    {
        if (value != nullptr) {
            value->~T();
            deallocate(const_cast<std::remove_cv_t<T> *>(value));
        }
    }

    outlive_commit persist() const
    {
        outlive_commit commit;
        check(outlive_persist(heap_, &commit));
        return commit;
    }
    void snapshot(const std::string &path) const { check(outlive_snapshot(heap_, path.c_str())); }
    void save(const std::string &path) const { check(outlive_save(heap_, path.c_str())); }
    void verify() const { check(outlive_check(heap_)); }

    /// Names a block for later runs; null takes the name away.
    void set_root(const std::string &name, const void *block) const
    {
        check(outlive_set_root(heap_, name.c_str(), block));
    }
    /// The block of this name, which is believed to hold a `T`; null if there is none.
    template <typename T> T *root(const std::string &name) const
    {
        void *block = nullptr;
        outlive_code code = outlive_root(heap_, name.c_str(), &block);
        if (code != OUTLIVE_NO_ROOT) {
            check(code);
        }
        return static_cast<T *>(block);
    }
    std::uint64_t offset_of(const void *address) const noexcept { return outlive_offset_of(heap_, address); }
    void *at(std::uint64_t offset) const noexcept { return outlive_at(heap_, offset); }

    outlive_statistics statistics() const
    {
        outlive_statistics statistics;
        check(outlive_statistics_of(heap_, &statistics));
        return statistics;
    }
    outlive_heap *get() const noexcept { return heap_; }

private:
    explicit heap(outlive_heap *made) noexcept : heap_(made) {}
    outlive_heap *heap_;
};

/// Memory of a heap for the standard library's containers. It holds the address of the heap's handle, so containers with it
/// belong to this run; what is to be found again is made of `pptr`.
template <typename T> class allocator {
public:
    using value_type = T;

    explicit allocator(const heap &from) noexcept : heap_(from.get()) {}
    template <typename U> allocator(const allocator<U> &other) noexcept : heap_(other.get()) {}

    T *allocate(std::size_t count)
    {
        if (count > static_cast<std::size_t>(-1) / sizeof(T)) {
            throw std::bad_array_new_length();
        }
        void *block = outlive_alloc_aligned(heap_, alignof(T), count * sizeof(T));
        if (block == nullptr) {
            throw std::bad_alloc();
        }
        return static_cast<T *>(block);
    }
    void deallocate(T *block, std::size_t) noexcept { outlive_free(heap_, block); }
    outlive_heap *get() const noexcept { return heap_; }

    friend bool operator==(const allocator &left, const allocator &right) noexcept { return left.heap_ == right.heap_; }
    friend bool operator!=(const allocator &left, const allocator &right) noexcept { return left.heap_ != right.heap_; }

private:
    outlive_heap *heap_;
};

/// The same for `std::pmr`.
class memory_resource : public std::pmr::memory_resource {
public:
    explicit memory_resource(const heap &from) noexcept : heap_(from.get()) {}

private:
    void *do_allocate(std::size_t size, std::size_t align) override
    {
        void *block = outlive_alloc_aligned(heap_, align, size);
        if (block == nullptr) {
            throw std::bad_alloc();
        }
        return block;
    }
    void do_deallocate(void *block, std::size_t, std::size_t) override { outlive_free(heap_, block); }
    bool do_is_equal(const std::pmr::memory_resource &other) const noexcept override
    {
        auto same = dynamic_cast<const memory_resource *>(&other);
        return same != nullptr && same->heap_ == heap_;
    }

    outlive_heap *heap_;
};

} // namespace outlive

#endif
