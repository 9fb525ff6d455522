// Arrays that bindings take: of one type, contiguous, in memory, and never converted.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdlib>
#include <new>
#ifdef __linux__
#include <sys/mman.h>
#endif

#include "../loops/loops.hpp"
#include "../loops/status.hpp"

namespace peerannot {

namespace nb = nanobind;

// Loops of the instruction set in use.
const Loops& loops();

// T const: read; else written to. A type, layout or number of axes that differs is a TypeError.
template <class T, size_t N = 1>
using Array = nb::ndarray<T, nb::ndim<N>, nb::c_contig, nb::device::cpu>;

inline auto operator""_array(const char* name, size_t) { return nb::arg(name).noconvert(); }

inline void require(bool fine, const char* what) {
    if (!fine) throw nb::value_error(what);
}

template <class A> int64_t size(const A& array, size_t axis = 0) {
    return int64_t(array.shape(axis));
}

// Null for an array without rows: it was not given.
template <class A> auto given(const A& array) -> decltype(array.data()) {
    return array.shape(0) ? array.data() : nullptr;
}

inline void check(Status status) {
    if (status == Status::no_memory) throw std::bad_alloc();
    require(status == Status::fine, "an index is out of range");
}

// Bounds of blocks of tasks.
inline void check_bounds(const Array<const int64_t>& bounds, int64_t n_tasks) {
    const int64_t n = size(bounds);
    require(n >= 2 && bounds(0) == 0 && bounds(n - 1) == n_tasks, "bounds: from 0 to all tasks");
    for (int64_t b = 1; b < n; b++) require(bounds(b - 1) <= bounds(b), "bounds: in order");
}

// Raw memory on a boundary of cache lines; much of it on huge pages, where the system has them:
// rows that are met at random are then found without a walk through tables of pages.
template <class T> class Room {
public:
    explicit Room(int64_t n) {
        constexpr size_t huge = size_t(1) << 21;
        const size_t wanted = n ? size_t(n) * sizeof(T) : 1, line = wanted < 2 * huge ? 64 : huge;
        const size_t bytes = (wanted + line - 1) / line * line;
        at_ = static_cast<T*>(std::aligned_alloc(line, bytes));
        if (!at_) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
        if (line == huge) madvise(at_, bytes, MADV_HUGEPAGE);
#endif
    }
    Room(const Room&) = delete;
    ~Room() { std::free(at_); }
    operator T*() const { return at_; }

private:
    T* at_;
};

}  // namespace peerannot
