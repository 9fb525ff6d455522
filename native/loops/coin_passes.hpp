// What passes over tasks have in common where an answer adds to the class that it names, and
// to no other. `Pass` is a CoinPass or ApartCoinPass, `Sums` what it adds to; `Each` says what an
// answer adds, and counts it:
//
//     void ask(a)        ask for what a later answer needs
//     double said(a)     what the answer adds to the logarithm of the class that it names
//     void count(a, z)   take the probability z of its label
#pragma once

#include <cmath>

#include "answers_flat.hpp"
#include "exp.hpp"
#include "slot_tiles.hpp"

namespace peerannot::PEERANNOT_ISA {

// Log-likelihood of tasks; one logarithm for many.
class Likelihood {
public:
    PEERANNOT_INLINE void add(double log) { gain_ += log; }
    PEERANNOT_INLINE void times(double x) {
        product_ *= x;
        if (!(product_ > 1e-200 && product_ < 1e200)) {
            gain_ += std::log(product_);
            product_ = 1;
        }
    }
    double log() const { return gain_ + std::log(product_); }

private:
    double gain_ = 0, product_ = 1;
};

// Where nobody asks for it.
struct NoLikelihood {
    PEERANNOT_INLINE void add(double) {}
    PEERANNOT_INLINE void times(double) {}
};

// Of any number of classes: the slots of a task, and one more position for each class that it did
// not receive.
template <class Pass, class Sums, class Each, class Gain>
PEERANNOT_INLINE Status over_slots(const Pass& pass, int64_t lo, int64_t hi, Sums& sums,
                                   Each& each, Gain& gain) {
    const SlotVotes& v = pass.votes;
    const int64_t k = pass.k, longest = longest_tile(v, lo, hi);
    if (longest < 0) return Status::out_of_range;
    TileRoom room(1, longest);
    if (!room.has_memory()) return Status::no_memory;
    double* score = room[0];
    double left[tile_tasks];
    double others = 0;
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
                each.ask(a);
                at[v.slot[a]] += each.said(a);
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
                gain.add(hit);
            } else if (n > 0) {
                double top = at[n];
                for (int64_t s = 0; s < n; s++) top = larger(top, at[s]);
                for (int64_t s = 0; s <= n; s++) at[s] -= top;
                gain.add(top);
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
                gain.times(total);
                const double scale = 1 / total;
                other *= scale;
                others += other;
                for (int64_t s = 0; s < n; s++) {
                    const int32_t y = v.label[first + s];
                    at[s] *= scale;
                    sums.mass[y] += at[s] - pass.prior[y] * other;
                }
            }
            for (int64_t a = first; a < last; a++) each.count(a, at[v.slot[a]]);
            if (sums.share && n > 0) {
                sums.rest[i] = other;
                for (int64_t s = 0; s < n; s++) sums.share[first + s] = at[s];
            }
            if (sums.posterior) {
                double* const row = sums.posterior + i * k;
                for (int64_t c = 0; c < k; c++) row[c] = (n > 0 ? other : 1) * pass.prior[c];
                for (int64_t s = 0; s < n; s++) row[v.label[first + s]] = at[s];
                if (known >= 0 && n > 0) row[known] = 1;
            }
            at += n + 1;
        }
    }
    for (int64_t c = 0; c < k; c++) sums.mass[c] += pass.prior[c] * others;
    return Status::fine;
}

// A tile of up to `tile_tasks` tasks of few classes: a row for each class, a column for each task.
template <class Pass> struct ClassTile {
    const Pass& pass;
    const int64_t begin, n;
    const int64_t* const ptr = pass.votes.ptr + begin;
    const int32_t* const gold = pass.votes.gold + begin;
    bool is_fine, any_gold = false;
    int64_t longest = 0;  // answers of a task

    PEERANNOT_INLINE ClassTile(const Pass& pass, int64_t begin, int64_t hi)
        : pass(pass), begin(begin), n(least(tile_tasks, hi - begin)) {
        const int64_t from = ptr[0], m = ptr[n] - from;
        is_fine = all_below(pass.unit + from, m, pass.n_units) &&
                  all_below(pass.label + from, m, pass.k);
        for (int64_t t = 0; t < n; t++) {
            is_fine &= gold[t] < pass.k;
            any_gold |= gold[t] >= 0;
            longest = larger(longest, ptr[t + 1] - ptr[t]);
        }
    }
    PEERANNOT_INLINE void fill(const double* of_class, double* z) const {
        for (int64_t c = 0; c < pass.k; c++)
            for (int64_t t = 0; t < tile_tasks; t++) z[c * tile_tasks + t] = of_class[c];
    }
    // 1 for tasks that have answers or are known, else 0.
    PEERANNOT_INLINE void mark(double* met) const {
        for (int64_t t = 0; t < tile_tasks; t++)
            met[t] = t < n && (ptr[t + 1] > ptr[t] || gold[t] >= 0) ? 1 : 0;
    }
    // Logarithms to exponentials, the largest of each task taken off, which are in `top`.
    PEERANNOT_INLINE void exponentials(double* z, double* top) const {
        for (int64_t t = 0; t < tile_tasks; t++) top[t] = z[t];
        for (int64_t c = 1; c < pass.k; c++)
            for (int64_t t = 0; t < tile_tasks; t++)
                top[t] = larger(top[t], z[c * tile_tasks + t]);
        for (int64_t c = 0; c < pass.k; c++)
            for (int64_t t = 0; t < tile_tasks; t++) z[c * tile_tasks + t] -= top[t];
        exp_all(z, pass.k * tile_tasks);
    }
    // Only the known class of a task is left, others are `out`.
    PEERANNOT_INLINE void clamp(double* z, double out) const {
        for (int64_t t = 0; t < n && any_gold; t++)
            for (int64_t c = 0; c < pass.k && gold[t] >= 0; c++)
                if (c != gold[t]) z[c * tile_tasks + t] = out;
    }
    PEERANNOT_INLINE void sum(const double* z, double* total) const {
        for (int64_t t = 0; t < tile_tasks; t++) total[t] = 0;
        for (int64_t c = 0; c < pass.k; c++)
            for (int64_t t = 0; t < tile_tasks; t++) total[t] += z[c * tile_tasks + t];
    }
    // Visit each answer with the place of its label in the tile.
    template <class Visit> PEERANNOT_INLINE void each_answer(const Visit& visit) const {
        peerannot::PEERANNOT_ISA::each_answer(ptr, n, [&](int64_t a, int64_t t) {
            visit(a, int64_t(pass.label[a]) * tile_tasks + t);
        });
    }
    PEERANNOT_INLINE void write(const double* z, double* posterior) const {
        for (int64_t t = 0; t < n && posterior; t++)
            for (int64_t c = 0; c < pass.k; c++)
                posterior[(begin + t) * pass.k + c] =
                    ptr[t + 1] > ptr[t] ? z[c * tile_tasks + t] : pass.prior[c];
    }
};

}  // namespace peerannot::PEERANNOT_ISA
