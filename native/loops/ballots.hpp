// Checks of ballots and slots, a tile of tasks at a time.
#pragma once

#include "vectors.hpp"
#include "votes.hpp"

namespace peerannot::PEERANNOT_ISA {

constexpr int64_t tile = 256;  // tasks whose indices are checked at once

PEERANNOT_INLINE bool fit(const Ballots& b, int64_t lo, int64_t hi) {
    if (!are_runs(b.task_ptr, lo, hi, b.n_answers)) return false;
    const int64_t first = b.task_ptr[lo], n = b.task_ptr[hi] - first;
    return !b.by_worker || all_below(b.worker + first, n, b.n_workers);
}

PEERANNOT_INLINE bool fit(const Slots& s, int64_t lo, int64_t hi) {
    if (!are_runs(s.ptr, lo, hi, s.n)) return false;
    bool fine = true;
    for (int64_t i = lo; i < hi; i++)
        fine &= s.size[i] >= 0 && s.size[i] <= s.ptr[i + 1] - s.ptr[i];
    return fine;
}

// one(i, first slot, number of slots, room) of each task, false for an index out of range.
template <class One>
PEERANNOT_INLINE Status each_task(const Slots& slots, int64_t lo, int64_t hi, const One& one) {
    for (int64_t start = lo; start < hi; start += tile) {
        const int64_t stop = least(start + tile, hi);
        if (!fit(slots, start, stop)) return Status::out_of_range;
        for (int64_t i = start; i < stop; i++) {
            const int64_t first = slots.ptr[i];
            if (!one(i, first, slots.size[i], slots.ptr[i + 1] - first))
                return Status::out_of_range;
        }
    }
    return Status::fine;
}

// As 1.0 times both, to the bit.
PEERANNOT_INLINE double weight_of(const Ballots& b, int64_t a) {
    const double w = b.by_worker ? b.by_worker[b.worker[a]] : 1.0;
    return b.by_answer ? w * b.by_answer[a] : w;
}

}  // namespace peerannot::PEERANNOT_ISA
