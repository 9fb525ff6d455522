// Shell's sort: as good as any for the few values of a task, and never quadratic.
#pragma once

#include <cstdint>

#include "vectors.hpp"

namespace peerannot::PEERANNOT_ISA {

PEERANNOT_INLINE void sort(int32_t* x, int64_t n) {
    int64_t gap = 1;
    while (gap < n / 3) gap = 3 * gap + 1;
    for (; gap; gap /= 3) {
        for (int64_t a = gap; a < n; a++) {
            const int32_t now = x[a];
            int64_t b = a;
            for (; b >= gap && x[b - gap] > now; b -= gap) x[b] = x[b - gap];
            x[b] = now;
        }
    }
}

}  // namespace peerannot::PEERANNOT_ISA
