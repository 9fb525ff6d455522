// exp(x) for x <= 0, as straight-line code for vectors; 0 below -40, where it is nothing beside 1.
#pragma once

#include "vectors.hpp"

namespace peerannot::PEERANNOT_ISA {

template <class T> struct Exponent;

template <> struct Exponent<double> {
    using Bits = int64_t;
    static constexpr double shift = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds
    static constexpr int mantissa = 52;
    // Taylor on |r| <= log(2) / 2: the rest is under 1e-17.
    static constexpr double terms[] = {1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800,
        1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24,
        1.0 / 6, 0.5, 1.0, 1.0};
    static constexpr double log2_high = 0x1.62e42fefa0000p-1, log2_low = 0x1.cf79abc9e3b3ap-40;
};

template <> struct Exponent<float> {
    using Bits = int32_t;
    static constexpr float shift = 12582912.0f;  // 1.5 * 2^23
    static constexpr int mantissa = 23;
    static constexpr float terms[] = {1.0f / 5040, 1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6,
        0.5f, 1.0f, 1.0f};
    static constexpr float log2_high = 0x1.62ep-1f, log2_low = 0x1.0bfbe8p-15f;
};

template <class T, int N> PEERANNOT_INLINE Vector<T, N> exp_down(Vector<T, N> x) {
    using E = Exponent<T>;
    using Bits = Vector<typename E::Bits, N>;
    constexpr T least = T(-40), log2e = T(1.44269504088896340736);
    const auto held = x > least ? x : Vector<T, N>{} + least;
    // exp(x) = 2^n exp(r), n whole.
    const auto shifted = held * log2e + E::shift;
    const auto n = shifted - E::shift;
    const auto r = (held - n * E::log2_high) - n * E::log2_low;
    auto p = Vector<T, N>{} + E::terms[0];
    for (unsigned i = 1; i < sizeof(E::terms) / sizeof(T); i++) p = p * r + E::terms[i];
    // The low bits of `shifted` hold n; that of `shift` itself is even and falls out.
    const Bits scaled = (Bits)p + ((Bits)shifted << E::mantissa);
    return x > least ? (Vector<T, N>)scaled : Vector<T, N>{};
}

// Each of n values, n rounded up to whole registers.
template <class T> PEERANNOT_INLINE void exp_all(T* x, int64_t n) {
    using V = Vector<T, lanes<T>>;
    for (int64_t i = 0; i < n; i += lanes<T>)
        store(x + i, exp_down<T, lanes<T>>(load<V>(x + i)));
}

}  // namespace peerannot::PEERANNOT_ISA
