// What loops over answers and rows of (worker, label) pairs have in common.
#pragma once

#include "confusion.hpp"
#include "vectors.hpp"

namespace peerannot::PEERANNOT_ISA {

constexpr int most_in_single = 64;  // answers of a task that are added in single precision

// Whether indices of tasks lo..hi are in range.
PEERANNOT_INLINE bool in_order(const Votes& v, int64_t lo, int64_t hi, int64_t n_classes) {
    if (!are_runs(v.task_ptr, lo, hi, v.n_answers)) return false;
    const int64_t first = v.task_ptr[lo];
    bool fine = all_below(v.pair + first, v.task_ptr[hi] - first, v.n_pairs);
    for (int64_t i = lo; i < hi; i++) fine &= v.gold[i] < n_classes;
    return fine;
}

template <int W> struct Width {
    static constexpr int value = W;
};

// rows(Width<W>()) for rows of k classes, which registers hold, else wide().
template <class Rows, class Wide>
PEERANNOT_INLINE Status by_width(int64_t k, const Rows& rows, const Wide& wide) {
    switch (k > most_in_registers ? 0 : row_width(k)) {
        case 2: return rows(Width<2>());
        case 4: return rows(Width<4>());
        case 8: return rows(Width<8>());
        case 12: return rows(Width<12>());
        case 16: return rows(Width<16>());
        default: return wide();
    }
}

}  // namespace peerannot::PEERANNOT_ISA
