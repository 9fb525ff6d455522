// An answer only tells the class that it names from all others, so a pass lives on the slots of
// each task; one more position, behind them, stands for each class that it did not receive.
//
// Up to 16 classes are all gone through instead: there, loops over slots cost more in branches
// that no processor foresees than the classes that were not received. Exponentials of all of them
// would be most of the pass, and are left out where they can be.
#include "coin.hpp"

#include <cmath>

#include "class_coin.hpp"
#include "coin_passes.hpp"
#include "exp.hpp"
#include "products.hpp"
#include "slot_tiles.hpp"

namespace peerannot::PEERANNOT_ISA {
namespace {

constexpr int ahead = 32;                   // answers ahead of which units are asked for
constexpr int64_t cached_units = 1024;      // up to so many are in the first-level cache
constexpr int64_t widest = least(16, 4 * lanes<double>);  // classes up to which all are met
constexpr int64_t most_slots = 16;  // of a task, up to which vote shares are in rows
constexpr double most_odds = 40;   // logarithm of the odds of one answer up to which they multiply
constexpr double most_product = 650;  // and of a product of them, far from overflow and underflow

// Count the answers of a task by the shares of its slots, which lie `step` apart.
PEERANNOT_INLINE void count_start(const SlotVotes& v, const int32_t* unit, int64_t i,
                                  const double* share, int64_t step, double total,
                                  CoinStart& sums) {
    const int64_t first = v.ptr[i], known = v.gold[i];
    for (int64_t a = first; a < v.ptr[i + 1]; a++) {
        const double own = share[v.slot[a] * step] / total;
        sums.right[unit[a]] += weight_of(v, a) * own;
        if (sums.own) sums.own[a] = own;
    }
    if (!sums.mass) return;
    if (known >= 0) sums.mass[known] += 1;
    for (int64_t s = 0; s < v.size[i] && known < 0; s++)
        sums.mass[v.label[first + s]] += share[s * step] / total;
}

// Whether classes are in range, where there are sums of them.
PEERANNOT_INLINE bool are_classes(const SlotVotes& v, int64_t lo, int64_t hi,
                                  const CoinStart& sums) {
    bool fine = true;
    for (int64_t i = lo; i < hi && sums.mass; i++) {
        fine &= v.gold[i] < sums.k;
        for (int64_t s = v.ptr[i]; s < v.ptr[i] + v.size[i]; s++)
            fine &= uint32_t(v.label[s]) < uint64_t(sums.k);
    }
    return fine;
}

Status start_slots(const SlotVotes& v, const int32_t* unit, int64_t n_units, int64_t lo,
                   int64_t hi, CoinStart& sums) {
    const int64_t longest = longest_tile(v, lo, hi);
    if (longest < 0) return Status::out_of_range;
    Room room(longest * 8);
    double* share = static_cast<double*>(room.at);
    if (!share) return Status::no_memory;
    for (int64_t begin = lo, end; begin < hi; begin = end) {
        end = begin + tile_of(v, begin, hi);
        const int64_t from = v.ptr[begin];
        if (!are_slots(v, begin, end, INT32_MAX) ||
            !all_below(unit + from, v.ptr[end] - from, n_units))
            return Status::out_of_range;
        for (int64_t i = begin; i < end; i++) {
            const int64_t first = v.ptr[i], last = v.ptr[i + 1], n = v.size[i];
            double total = 0;
            for (int64_t s = 0; s < n; s++) share[s] = 0;
            for (int64_t a = first; a < last; a++) {
                share[v.slot[a]] += weight_of(v, a);
                total += weight_of(v, a);
            }
            for (int64_t s = 0; s < n; s++) {
                if (v.gold[i] >= 0) {
                    share[s] = v.label[first + s] == v.gold[i] ? 1.0 : 0.0;
                } else {
                    // Answers without weight share their task.
                    share[s] = total > 0 ? share[s] / total : 1.0 / double(n);
                }
            }
            count_start(v, unit, i, share, 1, 1.0, sums);
        }
    }
    return Status::fine;
}

// A row of the tile for each slot, a column for each of its tasks.
Status start_rows(const SlotVotes& v, const int32_t* unit, int64_t n_units, int64_t lo, int64_t hi,
                  int64_t most, CoinStart& sums) {
    alignas(64) double share[most_slots * tile_tasks], total[tile_tasks];
    const int64_t n = hi - lo, *const ptr = v.ptr + lo, *const size = v.size + lo;
    const int64_t from = ptr[0], m = ptr[n] - from;
    if (!all_below(v.slot + from, m, most) || !all_below(unit + from, m, n_units))
        return Status::out_of_range;
    for (int64_t c = 0; c < most * tile_tasks; c++) share[c] = 0;
    bool is_fine = true;
    for (int64_t t = 0; t < n; t++) {
        total[t] = 0;
        for (int64_t a = ptr[t]; a < ptr[t + 1]; a++) {
            is_fine &= v.slot[a] < size[t];
            share[v.slot[a] * tile_tasks + t] += weight_of(v, a);
            total[t] += weight_of(v, a);
        }
    }
    if (!is_fine) return Status::out_of_range;
    for (int64_t t = 0; t < n; t++) {
        const int64_t known = v.gold[lo + t];
        if (known < 0 && (total[t] > 0 || size[t] == 0)) continue;
        // Answers without weight share their task.
        for (int64_t s = 0; s < size[t]; s++)
            share[s * tile_tasks + t] =
                known < 0 || v.label[ptr[t] + s] == known ? 1.0 : 0.0;
        total[t] = known < 0 ? double(size[t]) : 1.0;
    }
    for (int64_t t = 0; t < n; t++)
        count_start(v, unit, lo + t, share + t, tile_tasks, total[t], sums);
    return Status::fine;
}

Status start(const SlotVotes& v, const int32_t* unit, int64_t n_units, int64_t lo, int64_t hi,
             CoinStart& sums) {
    if (!are_runs(v.ptr, lo, hi, v.n_answers)) return Status::out_of_range;
    for (int64_t begin = lo; begin < hi; begin += tile_tasks) {
        const int64_t end = least(begin + tile_tasks, hi);
        int64_t most = 0;
        bool is_fine = true;
        for (int64_t i = begin; i < end; i++) {
            is_fine &= v.size[i] >= 0 && v.size[i] <= v.ptr[i + 1] - v.ptr[i];
            most = larger(most, v.size[i]);
        }
        if (!is_fine || !are_classes(v, begin, end, sums)) return Status::out_of_range;
        const Status status = most <= most_slots
                                  ? start_rows(v, unit, n_units, begin, end, most, sums)
                                  : start_slots(v, unit, n_units, begin, end, sums);
        if (status != Status::fine) return status;
    }
    return Status::fine;
}

// What an answer adds, and how it is counted.
struct Bonus {
    const CoinPass& pass;
    const double* const each;  // of units: their bonus, or their odds
    CoinSums& sums;

    // Ask for what the unit of a later answer needs.
    PEERANNOT_INLINE void ask(int64_t a) const {
        if (pass.n_units <= cached_units || a + ahead >= pass.votes.n_answers) return;
        __builtin_prefetch(each + pass.unit[a + ahead]);
        __builtin_prefetch(sums.right + pass.unit[a + ahead], 1);
    }
    PEERANNOT_INLINE double said(int64_t a) const {
        return weight_of(pass.votes, a) * each[pass.unit[a]];
    }
    PEERANNOT_INLINE void count(int64_t a, double z) const {
        sums.right[pass.unit[a]] += weight_of(pass.votes, a) * z;
    }
};

// A row of the tile for each class, a column for each of its tasks.
//
// Where all answers weigh 1, an exponential for each unit is all that a pass needs: the odds of
// answers are multiplied. Tasks whose products might leave the range, and weighted answers, have
// sums of logarithms.
Status step_rows(const CoinPass& pass, int64_t lo, int64_t hi, CoinSums& sums) {
    constexpr int64_t width = tile_tasks;
    const SlotVotes& v = pass.votes;
    const int64_t k = pass.k, n_units = pass.n_units;
    alignas(64) double z[widest * width], top[width], total[width], met[width];
    LongProduct product;
    double gain = 0;
    if (!are_runs(v.ptr, lo, hi, v.n_answers)) return Status::out_of_range;
    double reach = HUGE_VAL, prior_reach = 0;
    const bool worth = !v.weight && n_units <= v.ptr[hi] - v.ptr[lo];
    Room room((worth ? n_units + lanes<double> : 1) * 8);
    double* odds = static_cast<double*>(room.at);
    if (!odds) return Status::no_memory;
    if (worth) {
        reach = reach_of(pass.bonus, n_units, most_odds);
        prior_reach = reach_of(pass.log_prior, k, most_product);
        for (int64_t u = 0; u < n_units + lanes<double>; u++)
            odds[u] = u < n_units ? pass.bonus[u] : 0;
        exp_all(odds, n_units);
    }
    const Bonus by_odds{pass, odds, sums}, by_bonus{pass, pass.bonus, sums};
    for (int64_t begin = lo; begin < hi; begin += width) {
        const ClassTile<CoinPass> tile(pass, begin, hi);
        if (!tile.is_fine) return Status::out_of_range;
        const bool multiplies = double(tile.longest) * reach + prior_reach < most_product;
        tile.fill(multiplies ? pass.prior : pass.log_prior, z);
        tile.mark(met);
        if (multiplies) {
            tile.each_answer([&](int64_t a, int64_t at) {
                by_odds.ask(a);
                z[at] *= odds[pass.unit[a]];
            });
        } else {
            tile.each_answer([&](int64_t a, int64_t at) {
                by_bonus.ask(a);
                z[at] += by_bonus.said(a);
            });
        }
        tile.clamp(z, multiplies ? 0 : 2 * nothing);
        if (!multiplies) {
            tile.exponentials(z, top);
            gain += sum_where(top, met);
        }
        tile.sum(z, total);
        for (int64_t t = 0; t < width; t++) top[t] = met[t] > 0 ? total[t] : 1;
        product.times(top);
        for (int64_t t = 0; t < width; t++) top[t] = 1 / total[t];
        for (int64_t c = 0; c < k; c++) {
            double* row = z + c * width;
            // What is certain is 1 to the last bit in a posterior, in sums it may be beside it.
            if (sums.posterior)
                for (int64_t t = 0; t < width; t++) row[t] /= total[t];
            else
                for (int64_t t = 0; t < width; t++) row[t] *= top[t];
            sums.mass[c] += sum_where(row, met);
        }
        tile.each_answer([&](int64_t a, int64_t at) { by_bonus.count(a, z[at]); });
        tile.write(z, sums.posterior);
    }
    sums.gain = gain + product.log();
    return Status::fine;
}

Status step_slots(const CoinPass& pass, int64_t lo, int64_t hi, CoinSums& sums) {
    Likelihood gain;
    Bonus by_bonus{pass, pass.bonus, sums};
    const Status status = over_slots(pass, lo, hi, sums, by_bonus, gain);
    sums.gain = gain.log();
    return status;
}

Status step(const CoinPass& pass, int64_t lo, int64_t hi, CoinSums& sums) {
    const bool few = pass.k <= widest && !sums.share;
    return few ? step_rows(pass, lo, hi, sums) : step_slots(pass, lo, hi, sums);
}

void add_up(const double* blocks, int64_t n_blocks, int64_t n, int64_t lo, int64_t hi,
            double* sums) {
    for (int64_t c = lo; c < hi; c++) sums[c] = n_blocks > 0 ? blocks[c] : 0;
    for (int64_t b = 1; b < n_blocks; b++) {
        const double* __restrict block = blocks + b * n;
        for (int64_t c = lo; c < hi; c++) sums[c] += block[c];
    }
}

}  // namespace

extern const CoinLoops coin;
const CoinLoops coin{start, step, entries, class_step, add_up};

}  // namespace peerannot::PEERANNOT_ISA
