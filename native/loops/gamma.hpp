// Logarithms, and lgamma and digamma for x > 0, as straight-line code for vectors.
#pragma once

#include "vectors.hpp"

namespace peerannot::PEERANNOT_ISA {

// Of a normal number above 0.
template <int N> PEERANNOT_INLINE Vector<double, N> log_of(Vector<double, N> x) {
    using V = Vector<double, N>;
    using Bits = Vector<uint64_t, N>;
    // x = 2^e m, m from sqrt(1/2) to sqrt(2): what is below the mantissa of that is carried.
    const Bits shifted = (Bits)x + (0x3ff0000000000000u - 0x3fe6a09e667f3bcdu);
    const Bits e = (shifted >> 52) + 0x4330000000000000u;  // 2^52 + e + 1023 as a double
    const V exponent = (V)e - (4503599627370496.0 + 1023.0);
    const V m = (V)((shifted & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu);
    // log(m) = 2 atanh(s), whose series ends under 1e-17.
    const V s = (m - 1.0) / (m + 1.0), z = s * s;
    V p = V{} + 2.0 / 21;
    for (int odd = 19; odd > 0; odd -= 2) p = p * z + 2.0 / odd;
    return exponent * 0.693147180559945309417 + p * s;
}

template <int N> struct Gamma {
    Vector<double, N> log, digamma;
};

// The argument is moved up by 8, where the series of Stirling end under 1e-15.
template <int N> PEERANNOT_INLINE Gamma<N> gamma_of(Vector<double, N> x) {
    using V = Vector<double, N>;
    V product = x, slope = V{} + 1.0;  // x (x + 1) .. (x + 7), and its derivative
    for (int i = 1; i < 8; i++) {
        const V next = x + double(i);
        slope = slope * next + product;
        product *= next;
    }
    const V y = x + 8.0, r = 1.0 / y, z = r * r, log_y = log_of<N>(y);
    // Of Bernoulli numbers B2n: B2n / (2n (2n - 1)) y^(1 - 2n), and B2n / 2n y^(-2n).
    V a = V{} + 1.0 / 156, b = V{} + 1.0 / 12;
    a = a * z - 691.0 / 360360;
    b = b * z - 691.0 / 32760;
    a = a * z + 1.0 / 1188;
    b = b * z + 1.0 / 132;
    a = a * z - 1.0 / 1680;
    b = b * z - 1.0 / 240;
    a = a * z + 1.0 / 1260;
    b = b * z + 1.0 / 252;
    a = a * z - 1.0 / 360;
    b = b * z - 1.0 / 120;
    a = a * z + 1.0 / 12;
    b = b * z + 1.0 / 12;
    const V log_gamma = (y - 0.5) * log_y - y + 0.91893853320467274178 + a * r;
    return {log_gamma - log_of<N>(product), log_y - 0.5 * r - b * z - slope / product};
}

}  // namespace peerannot::PEERANNOT_ISA
