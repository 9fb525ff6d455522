// The answers of a tile of tasks, one after another.
#pragma once

#include "vectors.hpp"

namespace peerannot::PEERANNOT_ISA {

// visit(a, t) for the answers a of tasks 0..n, which are runs of `ptr`; t is the task.
//
// One loop over all of them, not one for each task: where those end, no processor foresees, and
// to have guessed wrong costs more than an answer does.
template <class Visit>
PEERANNOT_INLINE void each_answer(const int64_t* ptr, int64_t n, const Visit& visit) {
    constexpr int64_t most = 256;
    int32_t ends[most];  // how many tasks end before an answer
    int64_t t = 0, next = 1;
    for (int64_t start = ptr[0]; start < ptr[n]; start += most) {
        const int64_t m = least(most, ptr[n] - start);
        for (int64_t j = 0; j < m; j++) ends[j] = 0;
        for (; next < n && ptr[next] < start + m; next++) ends[ptr[next] - start]++;
        for (int64_t j = 0; j < m; j++) {
            t += ends[j];
            visit(start + j, t);
        }
    }
}

}  // namespace peerannot::PEERANNOT_ISA
