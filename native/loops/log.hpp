// Logarithms as straight-line code for vectors.
#pragma once

#include "vectors.hpp"

namespace peerannot::PEERANNOT_ISA {

// log(1 + x) for x in [0, 1].
template <int N> PEERANNOT_INLINE Vector<double, N> log_one_plus(Vector<double, N> x) {
    // 1 + x = 2^n (1 + f), n 0 or 1; log(1 + f) = 2 atanh(s), whose series ends under 1e-18.
    const auto f = x > 0.41421356237309505 ? x * 0.5 - 0.5 : x;
    const auto s = f / (f + 2.0);
    const auto z = s * s;
    auto p = Vector<double, N>{} + 2.0 / 23;
    for (int odd = 21; odd > 0; odd -= 2) p = p * z + 2.0 / odd;
    p *= s;
    return x > 0.41421356237309505 ? p + 0.693147180559945309417 : p;
}

// log(x) for normal x > 0.
template <int N> PEERANNOT_INLINE Vector<double, N> log_of(Vector<double, N> x) {
    using Bits = Vector<uint64_t, N>;
    // x = 2^n (1 + f), f in [0, 1); a small whole number is a double once it is under 2^52.
    const Bits bits = (Bits)x;
    const auto one_plus = (Vector<double, N>)((bits & 0xfffffffffffffull) | 0x3ff0000000000000ull);
    const auto n = (Vector<double, N>)((bits >> 52) | 0x4330000000000000ull) - (0x1p52 + 1023);
    return n * 0.693147180559945309417 + log_one_plus<N>(one_plus - 1.0);
}

}  // namespace peerannot::PEERANNOT_ISA
