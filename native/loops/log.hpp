// log(1 + x) for x in [0, 1], as straight-line code for vectors.
#pragma once

#include "vectors.hpp"

namespace peerannot::PEERANNOT_ISA {

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

}  // namespace peerannot::PEERANNOT_ISA
