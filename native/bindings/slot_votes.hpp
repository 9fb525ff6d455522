// What the bindings of the coin models and of GLAD share.
#pragma once

#include "arrays.hpp"
#include "threads.hpp"

namespace peerannot {

using Ints = Array<const int32_t>;
using Longs = Array<const int64_t>;
using Reals = Array<const double>;

inline SlotVotes slot_votes_of(const Longs& ptr, const Longs& sizes, const Ints& label,
                               const Ints& slot, const Reals& weight, const Ints& gold) {
    const int64_t n_tasks = size(sizes), n = size(slot);
    require(size(ptr) == n_tasks + 1, "ptr: one more than size");
    require(size(label) == n, "label, slot: as many as answers");
    require(size(weight) == n || size(weight) == 0, "weight: as many as answers, or none");
    require(size(gold) == n_tasks, "gold: one a task");
    return {ptr.data(), sizes.data(), label.data(), slot.data(),
            given(weight), gold.data(), n_tasks, n};
}

// `pass(lo, hi, sums, gain)` for each block of tasks, on n sums of its own that are 0; these are
// added up in the order of blocks. Returns the sum of the gains.
template <class Pass>
double sum_blocks(const Longs& bounds, int64_t n, double* total, int64_t threads,
                  const Pass& pass) {
    const int64_t n_blocks = size(bounds) - 1;
    Room<double> blocks(n_blocks * n), gains(n_blocks);
    check(over_blocks(n_blocks, threads, [&](int64_t b) {
        std::memset(blocks + b * n, 0, size_t(n) * sizeof(double));
        return pass(bounds(b), bounds(b + 1), blocks + b * n, gains[b]);
    }));
    check(over_ranges(n, 32768, threads, [&](int64_t lo, int64_t hi) {
        loops().coin->add_up(blocks, n_blocks, n, lo, hi, total);
        return Status::fine;
    }));
    double gain = 0;
    for (int64_t b = 0; b < n_blocks; b++) gain += gains[b];
    return gain;
}

}  // namespace peerannot
