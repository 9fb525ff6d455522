// Tiles of tasks whose scores of slots stay in the first-level cache, so that their exponentials
// are one vectorised loop.
#pragma once

#include "coin.hpp"
#include "room.hpp"
#include "vectors.hpp"

namespace peerannot::PEERANNOT_ISA {

constexpr int64_t tile_tasks = 64;
constexpr int64_t tile_answers = 256;   // a task with more is a tile of its own

PEERANNOT_INLINE double weight_of(const SlotVotes& v, int64_t a) {
    return v.weight ? v.weight[a] : 1.0;
}

// Answers of the longest tile of tasks lo..hi, -1 where these are no runs of answers.
PEERANNOT_INLINE int64_t longest_tile(const SlotVotes& v, int64_t lo, int64_t hi) {
    if (!are_runs(v.ptr, lo, hi, v.n_answers)) return -1;
    int64_t longest = tile_answers;
    for (int64_t i = lo; i < hi; i++) longest = larger(longest, v.ptr[i + 1] - v.ptr[i]);
    return longest;
}

// How many tasks from `start` are one tile.
PEERANNOT_INLINE int64_t tile_of(const SlotVotes& v, int64_t start, int64_t hi) {
    int64_t n = 1;
    while (n < tile_tasks && start + n < hi && v.ptr[start + n + 1] - v.ptr[start] <= tile_answers)
        n++;
    return n;
}

// Whether slots, labels and known classes of tasks lo..hi, which are runs, are in range.
PEERANNOT_INLINE bool are_slots(const SlotVotes& v, int64_t lo, int64_t hi, int64_t k) {
    bool fine = true;
    for (int64_t i = lo; i < hi; i++) {
        const int64_t first = v.ptr[i], n = v.size[i], m = v.ptr[i + 1] - first;
        if (n < 0 || n > m) return false;
        fine &= !v.gold || v.gold[i] < k;
        for (int64_t s = first; s < first + n; s++) fine &= uint32_t(v.label[s]) < uint64_t(k);
        for (int64_t a = first; a < first + m; a++) fine &= uint32_t(v.slot[a]) < uint64_t(n);
    }
    return fine;
}

// Sum of the values of a row of a tile where `met` is 1, else 0.
PEERANNOT_INLINE double sum_where(const double* x, const double* met) {
    using V = Vector<double, lanes<double>>;
    V sum = V{};
    for (int64_t t = 0; t < tile_tasks; t += lanes<double>)
        sum += load<V>(x + t) * load<V>(met + t);
    return sum_of<double, lanes<double>>(sum);
}

// Room for a loop over tiles, doubles on boundaries of registers; null where there is none.
class TileRoom {
public:
    TileRoom(int64_t n_arrays, int64_t n)
        : each_((n + tile_tasks + 15) / 16 * 16), room_(n_arrays * each_ * 8) {
        double* at = static_cast<double*>(room_.at);
        for (int64_t c = 0; at && c < n_arrays * each_; c++) at[c] = 0;
    }
    bool has_memory() const { return room_.at; }
    double* operator[](int64_t array) const {
        return static_cast<double*>(room_.at) + array * each_;
    }

private:
    int64_t each_;
    Room room_;
};

}  // namespace peerannot::PEERANNOT_ISA
