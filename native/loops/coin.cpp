// An answer only tells the class that it names from all others, so a pass lives on the slots of
// each task; one more position, behind them, stands for each class that it did not receive.
//
// Up to 16 classes are all gone through instead: there, loops over slots cost more in branches
// that no processor foresees than the classes that were not received. Exponentials of all of them
// would be most of the pass, and are left out where they can be.
#include "coin.hpp"

#include <cmath>

#include "class_coin.hpp"
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

// Ask for what the unit of a later answer needs, of its bonus or odds.
PEERANNOT_INLINE void ask_ahead(const CoinPass& pass, const double* each, const CoinSums& sums,
                                int64_t a) {
    if (pass.n_units <= cached_units || a + ahead >= pass.votes.n_answers) return;
    __builtin_prefetch(each + pass.unit[a + ahead]);
    __builtin_prefetch(sums.right + pass.unit[a + ahead], 1);
}

Status start_slots(const SlotVotes& v, const int32_t* unit, int64_t n_units, int64_t lo,
                   int64_t hi, double* right) {
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
            for (int64_t a = first; a < last; a++)
                right[unit[a]] += weight_of(v, a) * share[v.slot[a]];
        }
    }
    return Status::fine;
}

// A row of the tile for each slot, a column for each of its tasks.
Status start_rows(const SlotVotes& v, const int32_t* unit, int64_t n_units, int64_t lo, int64_t hi,
                  int64_t most, double* right) {
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
        for (int64_t a = ptr[t]; a < ptr[t + 1]; a++)
            right[unit[a]] += weight_of(v, a) * (share[v.slot[a] * tile_tasks + t] / total[t]);
    return Status::fine;
}

Status start(const SlotVotes& v, const int32_t* unit, int64_t n_units, int64_t lo, int64_t hi,
             double* right) {
    if (!are_runs(v.ptr, lo, hi, v.n_answers)) return Status::out_of_range;
    for (int64_t begin = lo; begin < hi; begin += tile_tasks) {
        const int64_t end = least(begin + tile_tasks, hi);
        int64_t most = 0;
        bool is_fine = true;
        for (int64_t i = begin; i < end; i++) {
            is_fine &= v.size[i] >= 0 && v.size[i] <= v.ptr[i + 1] - v.ptr[i];
            most = larger(most, v.size[i]);
        }
        if (!is_fine) return Status::out_of_range;
        const Status status = most <= most_slots
                                  ? start_rows(v, unit, n_units, begin, end, most, right)
                                  : start_slots(v, unit, n_units, begin, end, right);
        if (status != Status::fine) return status;
    }
    return Status::fine;
}

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
    for (int64_t begin = lo; begin < hi; begin += width) {
        const int64_t n = least(width, hi - begin);
        const int64_t* ptr = v.ptr + begin;
        const int32_t* gold = v.gold + begin;
        const int64_t from = ptr[0], m = ptr[n] - from;
        bool is_fine =
            all_below(pass.unit + from, m, n_units) && all_below(pass.label + from, m, k);
        bool any_gold = false;
        int64_t longest = 0;
        for (int64_t t = 0; t < n; t++) {
            is_fine &= gold[t] < k;
            any_gold |= gold[t] >= 0;
            longest = larger(longest, ptr[t + 1] - ptr[t]);
        }
        if (!is_fine) return Status::out_of_range;
        const bool multiplies = double(longest) * reach + prior_reach < most_product;
        const double* start = multiplies ? pass.prior : pass.log_prior;
        for (int64_t c = 0; c < k; c++)
            for (int64_t t = 0; t < width; t++) z[c * width + t] = start[c];
        for (int64_t t = 0; t < width; t++)
            met[t] = t < n && (ptr[t + 1] > ptr[t] || gold[t] >= 0) ? 1 : 0;
        if (multiplies) {
            for (int64_t t = 0; t < n; t++)
                for (int64_t a = ptr[t]; a < ptr[t + 1]; a++) {
                    ask_ahead(pass, odds, sums, a);
                    z[pass.label[a] * width + t] *= odds[pass.unit[a]];
                }
        } else {
            for (int64_t t = 0; t < n; t++)
                for (int64_t a = ptr[t]; a < ptr[t + 1]; a++) {
                    ask_ahead(pass, pass.bonus, sums, a);
                    z[pass.label[a] * width + t] += weight_of(v, a) * pass.bonus[pass.unit[a]];
                }
        }
        for (int64_t t = 0; t < n && any_gold; t++)
            for (int64_t c = 0; c < k && gold[t] >= 0; c++)
                if (c != gold[t]) z[c * width + t] = multiplies ? 0 : 2 * nothing;
        if (!multiplies) {
            for (int64_t t = 0; t < width; t++) top[t] = z[t];
            for (int64_t c = 1; c < k; c++)
                for (int64_t t = 0; t < width; t++) top[t] = larger(top[t], z[c * width + t]);
            for (int64_t c = 0; c < k; c++)
                for (int64_t t = 0; t < width; t++) z[c * width + t] -= top[t];
            exp_all(z, k * width);
            gain += sum_where(top, met);
        }
        for (int64_t t = 0; t < width; t++) total[t] = 0;
        for (int64_t c = 0; c < k; c++)
            for (int64_t t = 0; t < width; t++) total[t] += z[c * width + t];
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
        for (int64_t t = 0; t < n; t++)
            for (int64_t a = ptr[t]; a < ptr[t + 1]; a++)
                sums.right[pass.unit[a]] += weight_of(v, a) * z[pass.label[a] * width + t];
        for (int64_t t = 0; t < n && sums.posterior; t++)
            for (int64_t c = 0; c < k; c++)
                sums.posterior[(begin + t) * k + c] =
                    ptr[t + 1] > ptr[t] ? z[c * width + t] : pass.prior[c];
    }
    sums.gain = gain + product.log();
    return Status::fine;
}

Status step_slots(const CoinPass& pass, int64_t lo, int64_t hi, CoinSums& sums) {
    const SlotVotes& v = pass.votes;
    const int64_t k = pass.k, longest = longest_tile(v, lo, hi);
    if (longest < 0) return Status::out_of_range;
    TileRoom room(1, longest);
    if (!room.has_memory()) return Status::no_memory;
    double* score = room[0];
    double left[tile_tasks];
    double gain = 0, product = 1, others = 0;
    for (int64_t begin = lo, end; begin < hi; begin = end) {
        end = begin + tile_of(v, begin, hi);
        const int64_t from = v.ptr[begin], to = v.ptr[end];
        if (!are_slots(v, begin, end, k) || !all_below(pass.unit + from, to - from, pass.n_units))
            return Status::out_of_range;
        double* at = score;
        for (int64_t i = begin; i < end; i++) {
            const int64_t first = v.ptr[i], last = v.ptr[i + 1], n = v.size[i], known = v.gold[i];
            double rest = 1;
            for (int64_t s = 0; s < n; s++) {
                const int32_t y = v.label[first + s];
                at[s] = pass.log_prior[y];
                rest -= pass.prior[y];
            }
            rest = rest > 0 && n < k ? rest : 0;
            for (int64_t a = first; a < last; a++) {
                ask_ahead(pass, pass.bonus, sums, a);
                at[v.slot[a]] += weight_of(v, a) * pass.bonus[pass.unit[a]];
            }
            at[n] = rest > 0 ? 0 : nothing;
            if (known >= 0) {
                double hit = pass.log_prior[known];
                for (int64_t s = 0; s < n; s++) {
                    const bool is_known = v.label[first + s] == known;
                    hit = is_known ? at[s] : hit;
                    at[s] = is_known ? 0 : nothing;
                }
                at[n] = nothing;
                gain += hit;
            } else if (n > 0) {
                double top = at[n];
                for (int64_t s = 0; s < n; s++) top = larger(top, at[s]);
                for (int64_t s = 0; s <= n; s++) at[s] -= top;
                gain += top;
            }
            left[i - begin] = rest;
            at += n + 1;
        }
        exp_all(score, at - score);
        at = score;
        for (int64_t i = begin; i < end; i++) {
            const int64_t first = v.ptr[i], last = v.ptr[i + 1], n = v.size[i], known = v.gold[i];
            double other = at[n];
            if (known >= 0) {
                sums.mass[known] += 1;
            } else if (n > 0) {
                double total = left[i - begin] * other;
                for (int64_t s = 0; s < n; s++) total += at[s];
                // One logarithm for many tasks.
                product *= total;
                if (!(product > 1e-200 && product < 1e200)) {
                    gain += std::log(product);
                    product = 1;
                }
                const double scale = 1 / total;
                other *= scale;
                others += other;
                for (int64_t s = 0; s < n; s++) {
                    const int32_t y = v.label[first + s];
                    at[s] *= scale;
                    sums.mass[y] += at[s] - pass.prior[y] * other;
                }
            }
            for (int64_t a = first; a < last; a++)
                sums.right[pass.unit[a]] += weight_of(v, a) * at[v.slot[a]];
            if (sums.share && n > 0) {
                sums.rest[i] = other;
                for (int64_t s = 0; s < n; s++) sums.share[first + s] = at[s];
            }
            if (sums.posterior) {
                double* row = sums.posterior + i * k;
                for (int64_t c = 0; c < k; c++) row[c] = (n > 0 ? other : 1) * pass.prior[c];
                for (int64_t s = 0; s < n; s++) row[v.label[first + s]] = at[s];
                if (known >= 0 && n > 0) row[known] = 1;
            }
            at += n + 1;
        }
    }
    for (int64_t c = 0; c < k; c++) sums.mass[c] += pass.prior[c] * others;
    sums.gain = gain + std::log(product);
    return Status::fine;
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
