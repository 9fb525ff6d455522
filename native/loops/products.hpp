// Products in place of sums of logarithms, where they stay in range.
#pragma once

#include <cmath>

#include "slot_tiles.hpp"

namespace peerannot::PEERANNOT_ISA {

// Product of numbers above 0, one for each task of a tile, that does not leave the range: powers
// of 2 are counted apart.
class LongProduct {
public:
    LongProduct() {
        for (int64_t t = 0; t < tile_tasks; t++) {
            mantissa_[t] = 1;
            exponent_[t] = 0;
        }
    }
    PEERANNOT_INLINE void times(const double* x) {
        for (int64_t t = 0; t < tile_tasks; t += lanes<double>) {
            const Bits bits = (Bits)(load<V>(mantissa_ + t) * load<V>(x + t));
            store(exponent_ + t, load<Bits>(exponent_ + t) + (bits >> 52) - 1023);
            store(mantissa_ + t, (V)((bits & ((uint64_t(1) << 52) - 1)) | uint64_t(1023) << 52));
        }
    }
    double log() const {
        double sum = 0;
        for (int64_t t = 0; t < tile_tasks; t++)
            sum += double(int64_t(exponent_[t])) * 0.693147180559945309417 +
                   std::log(mantissa_[t]);
        return sum;
    }

private:
    using V = Vector<double, lanes<double>>;
    using Bits = Vector<uint64_t, lanes<double>>;
    alignas(64) double mantissa_[tile_tasks];  // from 1 to 2
    alignas(64) uint64_t exponent_[tile_tasks];  // two's complement
};

// How far from 0 the logarithms are, infinite where one is past `most`.
PEERANNOT_INLINE double reach_of(const double* x, int64_t n, double most) {
    double reach = 0;
    bool is_near = true;
    for (int64_t i = 0; i < n; i++) {
        is_near &= std::fabs(x[i]) < most;
        reach = larger(reach, std::fabs(x[i]));
    }
    return is_near ? reach : HUGE_VAL;
}

}  // namespace peerannot::PEERANNOT_ISA
