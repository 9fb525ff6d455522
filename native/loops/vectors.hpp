// Vectors of the width of this instruction set's registers, through the compiler's vector types.
//
// Everything that loops call is in the namespace of the instruction set and inline: a function of
// the standard library that the compiler does not inline would be one symbol for all of them, and
// the linker might keep the copy that this processor cannot run.
#pragma once

#include <cstdint>
#include <cstring>

#ifndef PEERANNOT_ISA
#error "compile loops with -DPEERANNOT_ISA=<name of the instruction set>"
#endif

#define PEERANNOT_INLINE inline __attribute__((always_inline))

namespace peerannot::PEERANNOT_ISA {

#if defined(__AVX512F__)
constexpr int register_bytes = 64;
#elif defined(__AVX2__)
constexpr int register_bytes = 32;
#else
constexpr int register_bytes = 16;
#endif

template <class T, int N> struct VectorOf {
    typedef T type __attribute__((vector_size(N * sizeof(T))));
};
template <class T, int N> using Vector = typename VectorOf<T, N>::type;

template <class T> constexpr int lanes = register_bytes / int(sizeof(T));

template <class V, class T> PEERANNOT_INLINE V load(const T* from) {
    V v;
    std::memcpy(&v, from, sizeof v);
    return v;
}

template <class V, class T> PEERANNOT_INLINE void store(T* to, V v) {
    std::memcpy(to, &v, sizeof v);
}

template <class V> PEERANNOT_INLINE V larger(V a, V b) { return a > b ? a : b; }

PEERANNOT_INLINE constexpr int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

template <class T, int N> PEERANNOT_INLINE T largest_of(Vector<T, N> v) {
    if constexpr (N == 2) {
        return larger<T>(v[0], v[1]);
    } else {
        Vector<T, N / 2> half[2];
        std::memcpy(half, &v, sizeof v);
        return largest_of<T, N / 2>(larger(half[0], half[1]));
    }
}

template <class T, int N> PEERANNOT_INLINE T sum_of(Vector<T, N> v) {
    if constexpr (N == 2) {
        return v[0] + v[1];
    } else {
        Vector<T, N / 2> half[2];
        std::memcpy(half, &v, sizeof v);
        return sum_of<T, N / 2>(half[0] + half[1]);
    }
}

// The largest power of two that divides W, up to the lanes of a register.
constexpr int width_of(int w, int most) {
    int width = 2;
    while (width < most && w % (2 * width) == 0) width *= 2;
    return width;
}

// W values of a row, in as few registers as hold them.
template <class T, int W> struct Row {
    static constexpr int width = width_of(W, lanes<T>);
    static constexpr int n = W / width;
    using V = Vector<T, width>;
    V v[n];

    PEERANNOT_INLINE static Row of(T x) {
        Row r;
        for (int i = 0; i < n; i++) r.v[i] = V{} + x;
        return r;
    }
    PEERANNOT_INLINE static Row at(const T* from) {
        Row r;
        for (int i = 0; i < n; i++) r.v[i] = load<V>(from + i * width);
        return r;
    }
    // Each value converted.
    template <class U> PEERANNOT_INLINE static Row from(const U* from) {
        Row r;
        for (int i = 0; i < n; i++)
            r.v[i] = __builtin_convertvector((load<Vector<U, width>>(from + i * width)), V);
        return r;
    }
    PEERANNOT_INLINE void put(T* to) const {
        for (int i = 0; i < n; i++) store(to + i * width, v[i]);
    }
    PEERANNOT_INLINE void operator+=(const Row& o) {
        for (int i = 0; i < n; i++) v[i] += o.v[i];
    }
    PEERANNOT_INLINE void operator-=(T x) {
        for (int i = 0; i < n; i++) v[i] -= x;
    }
    PEERANNOT_INLINE void operator*=(T x) {
        for (int i = 0; i < n; i++) v[i] *= x;
    }
    PEERANNOT_INLINE Row operator+(const Row& o) const {
        Row r;
        for (int i = 0; i < n; i++) r.v[i] = v[i] + o.v[i];
        return r;
    }
    PEERANNOT_INLINE Row operator*(T x) const {
        Row r;
        for (int i = 0; i < n; i++) r.v[i] = v[i] * x;
        return r;
    }
    PEERANNOT_INLINE T largest() const {
        V r = v[0];
        for (int i = 1; i < n; i++) r = larger(r, v[i]);
        return largest_of<T, width>(r);
    }
    PEERANNOT_INLINE T sum() const {
        V r = v[0];
        for (int i = 1; i < n; i++) r += v[i];
        return sum_of<T, width>(r);
    }
};

// Whether every value is in [0, bound).
PEERANNOT_INLINE bool all_below(const int32_t* x, int64_t n, int64_t bound) {
    uint32_t worst = 0;
    for (int64_t i = 0; i < n; i++) worst = uint32_t(x[i]) > worst ? uint32_t(x[i]) : worst;
    return n == 0 || int64_t(worst) < bound;
}

// Whether rows lo..hi are runs of answers, one after another, of which there are `n_answers`.
PEERANNOT_INLINE bool are_runs(const int64_t* ptr, int64_t lo, int64_t hi, int64_t n_answers) {
    bool fine = ptr[lo] >= 0 && ptr[hi] <= n_answers;
    for (int64_t i = lo; i < hi; i++) fine &= ptr[i] <= ptr[i + 1];
    return fine;
}

// Counts of rows lo..hi over blocks, whose rows are w wide.
PEERANNOT_INLINE void add_rows(const double* blocks, int64_t n_blocks, int64_t n_rows, int64_t k,
                               int64_t w, int64_t lo, int64_t hi, double* counts) {
    for (int64_t p = lo; p < hi; p++) {
        double* __restrict to = counts + p * k;
        for (int64_t c = 0; c < k; c++) to[c] = blocks[p * w + c];
        for (int64_t b = 1; b < n_blocks; b++) {
            const double* __restrict row = blocks + (b * n_rows + p) * w;
            for (int64_t c = 0; c < k; c++) to[c] += row[c];
        }
    }
}

}  // namespace peerannot::PEERANNOT_ISA
