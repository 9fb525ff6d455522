// Sums are taken in order of answers, then of labels, in every loop: results are the same bits in
// whichever form a vote is counted.
#include "votes.hpp"

#include <cmath>
#include <cstring>

#include "ballots.hpp"
#include "tally.hpp"
#include "vectors.hpp"

namespace peerannot::PEERANNOT_ISA {
namespace {

constexpr int most_in_row = 16;     // classes that are counted in a row of registers
constexpr int most_remembered = 16; // votes of a task up to which entropies are looked up

// share * log(share) of c of n votes.
class Surprises {
public:
    Surprises() {
        for (int n = 1; n <= most_remembered; n++) {
            of_[n][0] = 0;
            for (int c = 1; c <= n; c++) {
                const double share = double(c) / double(n);
                of_[n][c] = share * std::log(share);
            }
        }
    }
    const double* of(int64_t n) const { return of_[n]; }

private:
    double of_[most_remembered + 1][most_remembered + 1];
};

PEERANNOT_INLINE double entropy_of(const double* score, int64_t n, double total) {
    double surprise = 0;
    for (int64_t s = 0; s < n; s++) {
        const double share = score[s] / total;
        if (share > 0) surprise -= share * std::log(share);
    }
    return surprise;
}

PEERANNOT_INLINE void nobody(const Verdict& to, int64_t i) {
    for (int64_t c = 0; c < to.k; c++) to.posterior[i * to.k + c] = 1.0 / double(to.k);
    to.label[i] = -1;
    to.confidence[i] = to.entropy[i] = 0;
}

// Scores of all classes of a task, held in registers.
template <int W> struct Held {
    using Scores = Row<double, W>;
    using Lanes = Row<int64_t, W>;
    static constexpr int n = Scores::n;
    static_assert(Lanes::n == n, "classes and their scores side by side");
    Scores score = Scores::of(0);
    Lanes lane, bit;

    PEERANNOT_INLINE Held() {
        alignas(64) int64_t number[W], power[W];
        for (int c = 0; c < W; c++) {
            number[c] = c;
            power[c] = int64_t(1) << c;
        }
        lane = Lanes::at(number);
        bit = Lanes::at(power);
    }
    PEERANNOT_INLINE void add(int64_t y, double weight) {
        for (int r = 0; r < n; r++) {
            const typename Scores::V zero = {};
            score.v[r] += lane.v[r] == y ? zero + weight : zero;
        }
    }
    // Bit c for each class with a score of at least `floor`, bit W + c for each above 0.
    PEERANNOT_INLINE uint64_t bits(double floor) const {
        typename Lanes::V sum = {};
        for (int r = 0; r < n; r++) {
            const typename Lanes::V zero = {};
            sum += score.v[r] >= floor ? bit.v[r] : zero;
            sum += score.v[r] > 0 ? bit.v[r] << W : zero;
        }
        return uint64_t(sum_of<int64_t, Scores::width>(sum));
    }
};

template <int W, bool weighted>
Status vote_rows(const Ballots& b, const VoteRule& rule, int64_t lo, int64_t hi,
                 const Verdict& to) {
    const int64_t k = to.k;
    const Surprises surprises;
    constexpr int width = Row<double, W>::width;
    alignas(64) double score[W];
    Held<W> held;
    for (int64_t start = lo; start < hi; start += tile) {
        const int64_t stop = least(start + tile, hi);
        if (!fit(b, start, stop) ||
            !all_below(b.label + b.task_ptr[start], b.task_ptr[stop] - b.task_ptr[start], k))
            return Status::out_of_range;
        for (int64_t i = start; i < stop; i++) {
            const int64_t first = b.task_ptr[i], last = b.task_ptr[i + 1];
            if (first == last) {
                nobody(to, i);
                continue;
            }
            held.score = Row<double, W>::of(0);
            for (int64_t a = first; a < last; a++)
                held.add(b.label[a], weighted ? weight_of(b, a) : 1.0);
            held.score.put(score);
            double total = double(last - first);
            if (weighted) {
                total = 0;
                for (int c = 0; c < W; c++) total += score[c];
                if (!(total > 0)) {
                    // Nothing has any weight: the labels received share the task.
                    for (int64_t a = first; a < last; a++) score[b.label[a]] = 1;
                    total = 0;
                    for (int c = 0; c < W; c++) total += score[c];
                    held.score = Row<double, W>::at(score);
                }
            }
            const double best = held.score.largest(), floor = best - tie * best;
            const uint64_t bits = held.bits(floor), some = bits >> W;
            const uint64_t winners = bits & ((uint64_t(1) << W) - 1);
            const int tied = __builtin_popcountll(winners);
            int64_t chosen = winners ? __builtin_ctzll(winners) : 0;
            if (tied > 1 && rule.draw) chosen = drawn_best(score, W, rule.draw[i]).chosen;
            to.label[i] = tied > 1 && rule.abstain ? -1 : int32_t(chosen);
            to.confidence[i] = score[chosen] / total;
            double surprise = 0;
            if (!weighted && last - first <= most_remembered) {
                const double* of = surprises.of(last - first);
                for (uint64_t m = some; m; m &= m - 1)
                    surprise -= of[int(score[__builtin_ctzll(m)])];
            } else if (some & (some - 1)) {
                for (uint64_t m = some; m; m &= m - 1) {
                    const double share = score[__builtin_ctzll(m)] / total;
                    surprise -= share > 0 ? share * std::log(share) : 0.0;
                }
            }
            to.entropy[i] = surprise;
            const double part = rule.decided ? 1.0 : 1.0 / double(tied);
            auto row = held.score;
            for (int r = 0; r < Held<W>::n; r++) {
                const typename Row<double, W>::V zero = {};
                if (!rule.hard)
                    row.v[r] /= total;
                else if (rule.decided)
                    row.v[r] = held.lane.v[r] == chosen ? zero + part : zero;
                else
                    row.v[r] = row.v[r] >= floor ? zero + part : zero;
            }
            // What is written over the end of a row is overwritten by the next, W being at most 2k.
            double* at = to.posterior + i * k;
            if (i + 1 < hi)
                row.put(at);
            else
                for (int64_t c = 0; c < k; c++) at[c] = row.v[c / width][c % width];
        }
    }
    return Status::fine;
}

Status vote_wide(const Ballots& b, const VoteRule& rule, int64_t lo, int64_t hi,
                 const Verdict& to) {
    const int64_t k = to.k;
    Tally tally(k);
    if (!tally.has_memory()) return Status::no_memory;
    for (int64_t i = lo; i < hi; i++) {
        const int64_t first = b.task_ptr[i], last = b.task_ptr[i + 1];
        if (!fit(b, i, i + 1) || !all_below(b.label + first, last - first, k))
            return Status::out_of_range;
        if (first == last) {
            nobody(to, i);
            continue;
        }
        tally.begin();
        for (int64_t a = first; a < last; a++) tally.add(b.label[a], weight_of(b, a));
        tally.end();
        double* score = tally.score;
        const int64_t n = tally.n;
        double total = 0;
        for (int64_t s = 0; s < n; s++) total += score[s];
        if (!(total > 0)) {
            for (int64_t s = 0; s < n; s++) score[s] = 1;
            total = double(n);
        }
        const Best best = drawn_best(score, n, rule.draw ? rule.draw[i] : 0.0);
        const int64_t chosen = best.chosen < 0 ? 0 : best.chosen;
        to.label[i] = best.tied > 1 && rule.abstain ? -1 : tally.label[chosen];
        to.confidence[i] = score[chosen] / total;
        to.entropy[i] = n > 1 ? entropy_of(score, n, total) : 0.0;
        double* row = to.posterior + i * k;
        std::memset(row, 0, size_t(k) * sizeof(double));
        if (rule.hard && rule.decided) {
            row[tally.label[chosen]] = 1;
            continue;
        }
        for (int64_t s = 0; s < n; s++) {
            const double part = score[s] >= best.floor ? 1.0 / double(best.tied) : 0.0;
            row[tally.label[s]] = rule.hard ? part : score[s] / total;
        }
    }
    return Status::fine;
}

template <bool weighted>
Status vote_of(const Ballots& b, const VoteRule& rule, int64_t lo, int64_t hi, const Verdict& to) {
    if (to.k > most_in_row) return vote_wide(b, rule, lo, hi, to);
    if (to.k > 8) return vote_rows<16, weighted>(b, rule, lo, hi, to);
    if (to.k > 4) return vote_rows<8, weighted>(b, rule, lo, hi, to);
    if (to.k > 2) return vote_rows<4, weighted>(b, rule, lo, hi, to);
    return vote_rows<2, weighted>(b, rule, lo, hi, to);
}

Status vote(const Ballots& b, const VoteRule& rule, int64_t lo, int64_t hi, const Verdict& to) {
    return b.by_worker || b.by_answer ? vote_of<true>(b, rule, lo, hi, to)
                                      : vote_of<false>(b, rule, lo, hi, to);
}

Status scores(const Ballots& b, const int32_t* slot, int64_t lo, int64_t hi, double* out) {
    for (int64_t start = lo; start < hi; start += tile) {
        const int64_t stop = least(start + tile, hi);
        if (!fit(b, start, stop)) return Status::out_of_range;
        for (int64_t i = start; i < stop; i++) {
            const int64_t first = b.task_ptr[i], n = b.task_ptr[i + 1] - first;
            if (!all_below(slot + first, n, n)) return Status::out_of_range;
            double* __restrict to = out + first;
            for (int64_t s = 0; s < n; s++) to[s] = 0;
            for (int64_t s = 0; s < n; s++) to[slot[first + s]] += weight_of(b, first + s);
        }
    }
    return Status::fine;
}

Status winners(const Slots& slots, const double* score, int64_t n_classes, double zero,
               bool shares, int64_t lo, int64_t hi, double* out) {
    return each_task(slots, lo, hi, [=](int64_t, int64_t first, int64_t n, int64_t room) {
        const double* __restrict at = score + first;
        double* __restrict to = out + first;
        double best = -HUGE_VAL, total = 0;
        for (int64_t s = 0; s < n; s++) {
            best = larger(at[s], best);
            total += larger(at[s], 0.0);
        }
        for (int64_t s = n; s < room; s++) to[s] = 0;
        if (shares && best > (n_classes ? zero : 0.0)) {
            for (int64_t s = 0; s < n; s++) to[s] = larger(at[s], 0.0) / total;
            return true;
        }
        double floor = best - tie * std::fabs(best);
        int64_t tied = 0;
        if (n_classes > n && best <= zero) {
            floor = best < -zero ? HUGE_VAL : -zero;
            tied = n_classes - n;
        }
        for (int64_t s = 0; s < n; s++) tied += at[s] >= floor;
        const double part = 1.0 / double(tied);
        for (int64_t s = 0; s < n; s++) to[s] = at[s] >= floor ? part : 0.0;
        return true;
    });
}

Status one_hot(const Slots& slots, const int32_t* chosen, int64_t lo, int64_t hi, double* out) {
    return each_task(slots, lo, hi, [=](int64_t i, int64_t first, int64_t n, int64_t room) {
        const int32_t* label = slots.label + first;
        for (int64_t s = 0; s < room; s++) out[first + s] = s < n && label[s] == chosen[i];
        return true;
    });
}

Status values(const Slots& slots, const double* posterior, int64_t k, int64_t lo, int64_t hi,
              double* out) {
    return each_task(slots, lo, hi, [=](int64_t i, int64_t first, int64_t n, int64_t room) {
        const int32_t* label = slots.label + first;
        if (!all_below(label, n, k)) return false;
        for (int64_t s = 0; s < n; s++) out[first + s] = posterior[i * k + label[s]];
        for (int64_t s = n; s < room; s++) out[first + s] = 0;
        return true;
    });
}

Status worker_sums(const Slots& slots, const int32_t* slot, const int32_t* task,
                   const int32_t* worker, const double* weight, const double* value,
                   int64_t n_workers, int64_t lo, int64_t hi, double* sums) {
    for (int64_t start = lo; start < hi; start += tile) {
        const int64_t n = least(tile, hi - start);
        if (!all_below(task + start, n, slots.n_tasks) || !all_below(worker + start, n, n_workers))
            return Status::out_of_range;
        for (int64_t a = start; a < start + n; a++) {
            const uint64_t s = uint64_t(slots.ptr[task[a]]) + uint64_t(slot[a]);
            if (s >= uint64_t(slots.n)) return Status::out_of_range;
            sums[worker[a]] += weight ? value[s] * weight[a] : value[s];
        }
    }
    return Status::fine;
}

Status right(const Ballots& b, const RightRule& rule, int64_t lo, int64_t hi, double* sums) {
    Tally voted(rule.k), settled(rule.majority ? rule.k : 0);
    if (!voted.has_memory() || !settled.has_memory()) return Status::no_memory;
    const Ballots own{b.task_ptr, b.label,   b.worker,    nullptr,
                      b.by_answer, b.n_tasks, b.n_answers, b.n_workers};
    for (int64_t i = lo; i < hi; i++) {
        if (!are_runs(b.task_ptr, i, i + 1, b.n_answers)) return Status::out_of_range;
        const int64_t first = b.task_ptr[i], n = b.task_ptr[i + 1] - first;
        if (!all_below(b.label + first, n, rule.k) || !all_below(b.worker + first, n, b.n_workers))
            return Status::out_of_range;
        const int32_t known = rule.gold[i];
        int32_t winner = known;
        Tally* tally = &voted;
        double floor = 0;
        int64_t tied = 1;
        if (known < 0) {
            voted.begin();
            for (int64_t a = first; a < first + n; a++)
                voted.add(b.label[a], weight_of(rule.majority ? own : b, a));
            floor = voted.best(tied);
            if (rule.majority && tied > 1) {
                settled.begin();
                for (int64_t a = first; a < first + n; a++)
                    if (voted.sum[b.label[a]] >= floor) settled.add(b.label[a], weight_of(b, a));
                floor = settled.best(tied);
                tally = &settled;
            }
            if (rule.decided && n) {
                tally->end();
                const Best best = drawn_best(tally->score, tally->n, rule.draw ? rule.draw[i] : 0);
                winner = best.chosen < 0 ? -1 : tally->label[best.chosen];
            }
        }
        const bool one = known >= 0 || rule.decided;
        const double part = one ? 1.0 : 1.0 / double(tied);
        for (int64_t a = first; a < first + n; a++) {
            const int32_t y = b.label[a];
            if (one ? y == winner : tally->has(y) && tally->sum[y] >= floor)
                sums[b.worker[a]] += b.by_answer ? part * b.by_answer[a] : part;
        }
    }
    return Status::fine;
}

Status confidence(const Slots& slots, const double* share, const double* winner, int64_t lo,
                  int64_t hi, double* confidence, double* entropy) {
    return each_task(slots, lo, hi, [=](int64_t i, int64_t first, int64_t n, int64_t) {
        double sure = 0, surprise = 0;
        for (int64_t s = first; s < first + n; s++) {
            if (winner[s] > 0) sure = share[s];
            if (share[s] > 0) surprise -= share[s] * std::log(share[s]);
        }
        confidence[i] = sure;
        entropy[i] = surprise;
        return true;
    });
}

Status dense(const Slots& slots, const double* share, const double* rest, const double* prior,
             int64_t k, int64_t lo, int64_t hi, double* out) {
    return each_task(slots, lo, hi, [=](int64_t i, int64_t first, int64_t n, int64_t) {
        const int32_t* label = slots.label + first;
        if (!all_below(label, n, k)) return false;
        double* __restrict row = out + i * k;
        if (rest) {
            for (int64_t c = 0; c < k; c++) row[c] = rest[i] * prior[c];
        } else {
            const double fill = n ? 0.0 : 1.0 / double(k);
            for (int64_t c = 0; c < k; c++) row[c] = fill;
        }
        for (int64_t s = 0; s < n; s++) row[label[s]] = share[first + s];
        return true;
    });
}

Status pick(const Slots& slots, int64_t k, const double* score, const double* draw, bool abstain,
            int64_t lo, int64_t hi, int32_t* out) {
    const auto one = [=](int64_t i, int64_t first, int64_t n, int64_t) {
        const Best best = drawn_best(score + first, n, draw ? draw[i] : 0.0);
        if (best.chosen < 0 || !(score[first + best.chosen] > 0) || (abstain && best.tied > 1))
            out[i] = -1;
        else
            out[i] = slots.label ? slots.label[first + best.chosen] : int32_t(best.chosen);
        return true;
    };
    if (slots.ptr) return each_task(slots, lo, hi, one);
    for (int64_t i = lo; i < hi; i++) one(i, i * k, k, k);
    return Status::fine;
}

}  // namespace

extern const VotesLoops votes;
const VotesLoops votes{vote,        scores, winners,    one_hot, values,
                       worker_sums, right,  confidence, dense,   pick};

}  // namespace peerannot::PEERANNOT_ISA
