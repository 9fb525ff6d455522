// exp(x) for x <= 0, and in double up to 700, as straight-line code for vectors; 0 below -40, where
// it is nothing beside 1.
#pragma once

#include "vectors.hpp"

namespace peerannot::PEERANNOT_ISA {

constexpr double nothing = -1e30;  // logarithm of the probability of what cannot be

template <class T> constexpr T log2e = T(1.44269504088896340736);

template <class T> struct Exponent;

template <> struct Exponent<double> {
    using Bits = uint64_t;  // what overflows is of x below -40, and left out
    static constexpr int mantissa = 52;
    static constexpr double shift = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds
    // Of exp(r), |r| <= log(2) / 2, by Taylor: the rest is under 1e-17.
    static constexpr double terms[] = {1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800,
        1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24,
        1.0 / 6, 0.5, 1.0, 1.0};
    // What is left of x after n powers of 2; the high part of log(2) has few digits, so n times
    // it is exact.
    template <class V> PEERANNOT_INLINE static V rest(V x, V n) {
        return (x - n * 0x1.62e42fefa0000p-1) - n * 0x1.cf79abc9e3b3ap-40;
    }
};

template <> struct Exponent<float> {
    using Bits = uint32_t;
    static constexpr int mantissa = 23;
    static constexpr float shift = 12582912.0f;  // 1.5 * 2^23
    // Of 2^r, |r| <= 1 / 2, within 2e-8.
    static constexpr float terms[] = {1.535336188319500e-4f, 1.339887440266574e-3f,
        9.618437357674640e-3f, 5.550332471162809e-2f, 2.402264791363012e-1f,
        6.931472028550421e-1f, 1.0f};
    template <class V> PEERANNOT_INLINE static V rest(V x, V n) { return x * log2e<float> - n; }
};

template <class T, int N> PEERANNOT_INLINE Vector<T, N> exp_down(Vector<T, N> x) {
    using E = Exponent<T>;
    using Bits = Vector<typename E::Bits, N>;
    // exp(x) = 2^n exp(r), n whole: its bits are the low ones of `shifted`.
    const auto shifted = x * log2e<T> + E::shift;
    const auto r = E::rest(x, shifted - E::shift);
    auto p = Vector<T, N>{} + E::terms[0];
    for (unsigned i = 1; i < sizeof(E::terms) / sizeof(T); i++) p = p * r + E::terms[i];
    const Bits scaled = (Bits)p + ((Bits)shifted << E::mantissa);
    return x > T(-40) ? (Vector<T, N>)scaled : Vector<T, N>{};
}

// Each of n values, n rounded up to whole registers.
template <class T> PEERANNOT_INLINE void exp_all(T* x, int64_t n) {
    using V = Vector<T, lanes<T>>;
    for (int64_t i = 0; i < n; i += lanes<T>)
        store(x + i, exp_down<T, lanes<T>>(load<V>(x + i)));
}

}  // namespace peerannot::PEERANNOT_ISA
