// Sums are taken in order of answers in every loop: results are the same bits at each instruction
// set.
#include "reliability.hpp"

#include "answers_flat.hpp"
#include "ballots.hpp"
#include "room.hpp"
#include "votes_rows.hpp"

namespace peerannot::PEERANNOT_ISA {
namespace {

Status support(const Slots& slots, const double* score, const double* winner,
               const int32_t* ai_label, double against, int64_t lo, int64_t hi, double* conf,
               double* total) {
    return each_task(slots, lo, hi, [=](int64_t i, int64_t first, int64_t n, int64_t) {
        bool disagrees = ai_label[i] >= 0;
        double best = 0, sum = 0;
        for (int64_t s = first; s < first + n; s++) {
            sum += score[s];
            if (winner[s] > 0) best = score[s];
            if (winner[s] >= 1 && slots.label[s] == ai_label[i]) disagrees = false;
        }
        conf[i] = best;
        total[i] = disagrees ? sum + against : sum;
        return true;
    });
}

Status seen(const Slots& slots, const int32_t* slot, const int32_t* task, const int32_t* pair,
            const bool* authored, const bool* valid, const bool* right, int64_t n_pairs,
            int8_t* out) {
    for (int64_t p = 0; p < n_pairs; p++) out[p] = 0;
    for (int64_t start = 0; start < slots.n; start += tile) {
        const int64_t stop = least(start + tile, slots.n);
        if (!all_below(task + start, stop - start, slots.n_tasks) ||
            !all_below(pair + start, stop - start, n_pairs))
            return Status::out_of_range;
        for (int64_t a = start; a < stop; a++) {
            const int64_t first = slots.ptr[task[a]];
            if (first < 0 || first >= slots.n || slot[a] < 0 || slot[a] >= slots.n - first)
                return Status::out_of_range;
            if (!right[first + slot[a]]) continue;
            if (authored[a] && valid[task[a]])
                out[pair[a]] = 2;
            else if (out[pair[a]] == 0)
                out[pair[a]] = 1;
        }
    }
    return Status::fine;
}

Status to_workers(const Ballots& b, const int32_t* slot, const double* message, double chance,
                  int64_t lo, int64_t hi, double* out) {
    if (!fit(b, lo, hi)) return Status::out_of_range;
    int64_t most = 0;
    for (int64_t i = lo; i < hi; i++) most = larger(most, b.task_ptr[i + 1] - b.task_ptr[i]);
    const Room room(most * int64_t(sizeof(double)));
    if (!room.at) return Status::no_memory;
    double* score = static_cast<double*>(room.at);
    for (int64_t i = lo; i < hi; i++) {
        const int64_t first = b.task_ptr[i], n = b.task_ptr[i + 1] - first;
        if (!all_below(slot + first, n, n)) return Status::out_of_range;
        for (int64_t s = 0; s < n; s++) score[s] = 0;
        double total = 0;
        for (int64_t a = first; a < first + n; a++) {
            const double said = weight_of(b, a) * message[a];
            score[slot[a]] += said;
            total += said;
        }
        for (int64_t a = first; a < first + n; a++) {
            const double weight = weight_of(b, a), said = weight * message[a];
            out[a] = weight * (score[slot[a]] - said - chance * (total - said));
        }
    }
    return Status::fine;
}

Status errors(const Ballots& b, const int32_t* task, const double* score, int64_t c, int64_t lo,
              int64_t hi, double* sums) {
    for (int64_t start = lo; start < hi; start += tile) {
        const int64_t stop = least(start + tile, hi);
        if (!all_below(task + start, stop - start, b.n_tasks) ||
            !all_below(b.worker + start, stop - start, b.n_workers))
            return Status::out_of_range;
        for (int64_t a = start; a < stop; a++) {
            const double gap = (b.label[a] == c ? 1.0 : 0.0) - score[task[a]];
            sums[b.worker[a]] += weight_of(b, a) * gap * gap;
        }
    }
    return Status::fine;
}

Status averages(const Ballots& b, int64_t c, double pull, double mean, int64_t lo, int64_t hi,
                double* out) {
    for (int64_t start = lo; start < hi; start += tile) {
        const int64_t stop = least(start + tile, hi);
        if (!fit(b, start, stop)) return Status::out_of_range;
        for (int64_t i = start; i < stop; i++) {
            double top = pull * mean, bottom = pull;
            for (int64_t a = b.task_ptr[i]; a < b.task_ptr[i + 1]; a++) {
                const double weight = weight_of(b, a);
                bottom += weight;
                if (b.label[a] == c) top += weight;
            }
            out[i] = top / bottom;
        }
    }
    return Status::fine;
}

constexpr double least_score = 1e-12;

// What a sweep starts a tile of tasks with: whether indices are in range.
PEERANNOT_INLINE bool fits(const Sweep& sweep, int64_t start, int64_t stop) {
    const Ballots& b = sweep.ballots;
    if (!are_runs(b.task_ptr, start, stop, b.n_answers)) return false;
    const int64_t from = b.task_ptr[start], m = b.task_ptr[stop] - from;
    bool fine = all_below(b.worker + from, m, b.n_workers) && all_below(b.label + from, m, sweep.k);
    for (int64_t i = start; i < stop; i++) fine &= sweep.gold[i] < sweep.k;
    return fine;
}

// Sum of a row, in the same order whatever registers hold it.
template <int W> PEERANNOT_INLINE double sum_in_order(const double* row) {
    if constexpr (W < 4) {
        return row[0] + row[1];
    } else {
        auto sum = load<Vector<double, 4>>(row);
        for (int c = 4; c < W; c += 4) sum += load<Vector<double, 4>>(row + c);
        return (sum[0] + sum[2]) + (sum[1] + sum[3]);
    }
}

// Of few classes: a row is whole registers. Tiles of tasks go through each step together, so that
// numbers that were written one by one are not read as a row at once, which processors wait for.
template <int W> Status sweep_rows(const Sweep& sweep, int64_t lo, int64_t hi, SweepSums& sums) {
    constexpr int64_t few = 32;
    const Ballots& b = sweep.ballots;
    const int64_t k = sweep.k;
    const Room room((2 * b.n_workers + 1) * W * int64_t(sizeof(double)));
    if (!room.at) return Status::no_memory;
    double* const precision = static_cast<double*>(room.at);
    double* const wrong = precision + b.n_workers * W;
    for (int64_t j = 0; j < b.n_workers; j++)
        for (int64_t c = 0; c < W; c++) {
            precision[j * W + c] = c < k ? sweep.precision[j * k + c] : 0.0;
            wrong[j * W + c] = 0;
        }
    alignas(64) double z[few * W], below[few * W], weights[few], of_class[W], least_row[W];
    for (int64_t c = 0; c < W; c++) {
        of_class[c] = c < k ? sweep.pull * sweep.mean[c] : 0.0;
        least_row[c] = c < k ? least_score : 0.0;
    }
    const auto first_row = Row<double, W>::at(of_class), lowest = Row<double, W>::at(least_row);
    auto mass = Row<double, W>::of(0);
    for (int64_t start = lo; start < hi; start += few) {
        const int64_t n = least(few, hi - start);
        if (!fits(sweep, start, start + n)) return Status::out_of_range;
        const int64_t* const ptr = b.task_ptr + start;
        for (int64_t t = 0; t < n; t++) {
            first_row.put(z + t * W);
            Row<double, W>::of(sweep.pull).put(below + t * W);
            weights[t] = b.by_answer ? 0 : double(ptr[t + 1] - ptr[t]);
        }
        each_answer(ptr, n, [&](int64_t a, int64_t t) {
            const double* const v = precision + int64_t(b.worker[a]) * W;
            const double w = b.by_answer ? b.by_answer[a] : 1.0;
            auto row = Row<double, W>::at(v);
            if (b.by_answer) row *= w;
            (Row<double, W>::at(below + t * W) + row).put(below + t * W);
            z[t * W + b.label[a]] += w * v[b.label[a]];
            if (b.by_answer) weights[t] += w;
        });
        for (int64_t t = 0; t < n; t++) {
            auto row = Row<double, W>::at(z + t * W);
            const auto under = Row<double, W>::at(below + t * W);
            for (int c = 0; c < Row<double, W>::n; c++)
                row.v[c] = larger(row.v[c] / under.v[c], lowest.v[c]);
            row.put(z + t * W);
        }
        for (int64_t t = 0; t < n; t++) {
            const double scale = 1.0 / sum_in_order<W>(z + t * W);
            (Row<double, W>::at(z + t * W) * scale).put(z + t * W);
        }
        for (int64_t t = 0; t < n; t++) {
            const int64_t i = start + t, known = sweep.gold[i];
            if (known < 0 && !sweep.given && weights[t] > 0) continue;
            for (int64_t c = 0; c < k; c++)
                z[t * W + c] = known >= 0     ? (c == known ? 1.0 : 0.0)
                               : sweep.given ? sweep.given[i * k + c]
                                             : 1.0 / double(k);
        }
        for (int64_t t = 0; t < n && sums.scores; t++)
            for (int64_t c = 0; c < k; c++) sums.scores[(start + t) * k + c] = z[t * W + c];
        for (int64_t t = 0; t < n; t++)
            if (weights[t] > 0) mass += Row<double, W>::at(z + t * W);
        if (!sums.wrong) continue;
        for (int64_t t = 0; t < n; t++) {
            auto square = Row<double, W>::at(z + t * W);
            for (int c = 0; c < Row<double, W>::n; c++) square.v[c] *= square.v[c];
            square.put(below + t * W);
        }
        each_answer(ptr, n, [&](int64_t a, int64_t t) {
            const double w = b.by_answer ? b.by_answer[a] : 1.0;
            const auto square = Row<double, W>::at(below + t * W);
            double* const to = wrong + int64_t(b.worker[a]) * W;
            (Row<double, W>::at(to) + (b.by_answer ? square * w : square)).put(to);
            to[b.label[a]] += w * (1.0 - 2.0 * z[t * W + b.label[a]]);
        });
    }
    mass.put(z);
    for (int64_t c = 0; c < k; c++) sums.mass[c] += z[c];
    for (int64_t j = 0; j < b.n_workers && sums.wrong; j++)
        for (int64_t c = 0; c < k; c++) sums.wrong[j * k + c] = wrong[j * W + c];
    return Status::fine;
}

Status sweep_wide(const Sweep& sweep, int64_t lo, int64_t hi, SweepSums& sums) {
    const Ballots& b = sweep.ballots;
    const int64_t k = sweep.k;
    const Room room(3 * k * int64_t(sizeof(double)));
    if (!room.at) return Status::no_memory;
    double *const z = static_cast<double*>(room.at), *const below = z + k, *const square = z + 2 * k;
    for (int64_t start = lo; start < hi; start += tile) {
        const int64_t stop = least(start + tile, hi);
        if (!fits(sweep, start, stop)) return Status::out_of_range;
        for (int64_t i = start; i < stop; i++) {
            const int64_t first = b.task_ptr[i], last = b.task_ptr[i + 1];
            double weight = 0;
            for (int64_t a = first; a < last; a++) weight += weight_of(b, a);
            if (sweep.gold[i] >= 0) {
                for (int64_t c = 0; c < k; c++) z[c] = c == sweep.gold[i] ? 1.0 : 0.0;
            } else if (sweep.given) {
                for (int64_t c = 0; c < k; c++) z[c] = sweep.given[i * k + c];
            } else if (!(weight > 0)) {
                for (int64_t c = 0; c < k; c++) z[c] = 1.0 / double(k);
            } else {
                for (int64_t c = 0; c < k; c++) z[c] = sweep.pull * sweep.mean[c];
                for (int64_t c = 0; c < k; c++) below[c] = sweep.pull;
                for (int64_t a = first; a < last; a++) {
                    const double w = weight_of(b, a);
                    const double* __restrict v = sweep.precision + int64_t(b.worker[a]) * k;
                    for (int64_t c = 0; c < k; c++) below[c] += w * v[c];
                    z[b.label[a]] += w * v[b.label[a]];
                }
                double total = 0;
                for (int64_t c = 0; c < k; c++) z[c] = larger(z[c] / below[c], least_score);
                for (int64_t c = 0; c < k; c++) total += z[c];
                for (int64_t c = 0; c < k; c++) z[c] /= total;
            }
            for (int64_t c = 0; c < k && sums.scores; c++) sums.scores[i * k + c] = z[c];
            for (int64_t c = 0; c < k && weight > 0; c++) sums.mass[c] += z[c];
            for (int64_t c = 0; c < k; c++) square[c] = z[c] * z[c];
            for (int64_t a = first; a < last && sums.wrong; a++) {
                const double w = weight_of(b, a);
                double* __restrict wrong = sums.wrong + int64_t(b.worker[a]) * k;
                for (int64_t c = 0; c < k; c++) wrong[c] += w * square[c];
                wrong[b.label[a]] += w * (1.0 - 2.0 * z[b.label[a]]);
            }
        }
    }
    return Status::fine;
}

Status sweep(const Sweep& all, int64_t lo, int64_t hi, SweepSums& sums) {
    return by_width(
        all.k,
        [&](auto width) { return sweep_rows<decltype(width)::value>(all, lo, hi, sums); },
        [&] { return sweep_wide(all, lo, hi, sums); });
}

Status agreements(const Ballots& b, double* agree, double* common) {
    const int64_t n = b.n_workers;
    for (int64_t p = 0; p < n * n; p++) agree[p] = common[p] = 0;
    if (!are_runs(b.task_ptr, 0, b.n_tasks, b.n_answers) || !all_below(b.worker, b.n_answers, n))
        return Status::out_of_range;
    for (int64_t i = 0; i < b.n_tasks; i++) {
        const int64_t last = b.task_ptr[i + 1];
        for (int64_t first = b.task_ptr[i]; first < last; first++) {
            for (int64_t other = first + 1; other < last; other++) {
                const int64_t j = b.worker[first], m = b.worker[other];
                if (j == m) continue;
                const double both = weight_of(b, first) * weight_of(b, other);
                common[j * n + m] += both;
                common[m * n + j] += both;
                if (b.label[first] != b.label[other]) continue;
                agree[j * n + m] += both;
                agree[m * n + j] += both;
            }
        }
    }
    return Status::fine;
}

struct Ratio {
    double value;
    int64_t other;
};

// Merge sort, stable: in `x` or in `spare`, whichever it gives.
const Ratio* in_order(Ratio* x, Ratio* spare, int64_t n) {
    for (int64_t run = 1; run < n; run *= 2) {
        for (int64_t lo = 0; lo < n; lo += 2 * run) {
            const int64_t mid = least(lo + run, n), hi = least(lo + 2 * run, n);
            int64_t a = lo, b = mid;
            for (int64_t to = lo; to < hi; to++)
                spare[to] = a < mid && (b == hi || !(x[b].value < x[a].value)) ? x[a++] : x[b++];
        }
        Ratio* freed = x;
        x = spare;
        spare = freed;
    }
    return x;
}

Status trimmed(const double* centred, const double* common, const double* now, double trim,
               int64_t n_workers, int64_t lo, int64_t hi, double* out) {
    const Room room(2 * n_workers * int64_t(sizeof(Ratio)));
    if (!room.at) return Status::no_memory;
    Ratio* ratio = static_cast<Ratio*>(room.at);
    for (int64_t j = lo; j < hi; j++) {
        const double *own = common + j * n_workers, *share = centred + j * n_workers;
        int64_t n = 0, below = 0, above = 0;
        for (int64_t m = 0; m < n_workers; m++) {
            if (!(own[m] > 0)) continue;
            const double r = __builtin_fabs(share[m]) / now[m];
            ratio[n++] = {r, m};
            below += r < now[j];
            above += r > now[j];
        }
        const Ratio* sorted = in_order(ratio, ratio + n_workers, n);
        const int64_t drop = int64_t(trim * double(n));
        double total = 0, mass = 0;
        for (int64_t at = least(drop, below); at < n - least(drop, above); at++) {
            const int64_t m = sorted[at].other;
            const double weight = own[m] * now[m] * now[m];
            total += weight * sorted[at].value;
            mass += weight;
        }
        out[j] = mass > 0 ? total / mass : now[j];
    }
    return Status::fine;
}

}  // namespace

extern const ReliabilityLoops reliability;
const ReliabilityLoops reliability{support,  seen,       to_workers, errors,
                                   averages, sweep,      agreements, trimmed};

}  // namespace peerannot::PEERANNOT_ISA
