// Tasks go through in tiles. What costs is logistic functions of all answers, one vectorised loop
// for a tile; tasks whose Newton steps are done are left out of the next.
#include "glad.hpp"

#include <cmath>

#include "exp.hpp"
#include "log.hpp"
#include "slot_tiles.hpp"

namespace peerannot::PEERANNOT_ISA {
namespace {

// Log inverse difficulties stay within it: exp(30) is far past any task that data can tell from a
// trivial one, and far from overflow.
constexpr double limit = 30;
constexpr double longest_step = 2, short_step = 1e-4;
constexpr int ahead = 32;  // answers ahead of which workers are asked for

PEERANNOT_INLINE double held(double x, double most) {
    return x < -most ? -most : x > most ? most : x;
}

// p = 1 / (1 + exp(-x)), and log(1 + exp(x)), of n values rounded up to whole registers.
PEERANNOT_INLINE void logistic(const double* x, int64_t n, double* p, double* soft) {
    constexpr int N = lanes<double>;
    using V = Vector<double, N>;
    for (int64_t i = 0; i < n; i += N) {
        const V at = load<V>(x + i);
        const V e = exp_down<double, N>(at > 0.0 ? -at : at);
        const V r = 1.0 / (e + 1.0);
        store(p + i, at >= 0.0 ? r : e * r);
        store(soft + i, log_one_plus<N>(e) + (at > 0.0 ? at : V{}));
    }
}

// The expected log-posterior of one beta, its slope, and a positive curvature: Fisher's, or the
// negative second derivative where that is larger. Steps to the top then do not lead beyond it.
struct Shape {
    double value, slope, bend;
};

PEERANNOT_INLINE Shape shape_of(double beta, double mean, int64_t n, const double* weight,
                                const double* x, const double* q, const double* p,
                                const double* soft) {
    Shape to{-0.5 * (beta - mean) * (beta - mean), 0, 1};
    for (int64_t a = 0; a < n; a++) {
        const double v = weight ? weight[a] : 1.0;
        to.value += v * (q[a] * x[a] - soft[a]);
        to.slope += v * (q[a] - p[a]) * x[a];
        to.bend += v * p[a] * (1 - p[a]) * x[a] * x[a];
    }
    to.bend += to.slope < 0 ? -to.slope : 0;
    to.slope += mean - beta;
    return to;
}

// Newton steps of one task, each halved until the expected log-posterior rises. A short one is
// taken as it is: so near the top, rounding, which depends on the partition, would tell if it rises.
struct Newton {
    int64_t task;
    double now, next, step;
    Shape shape;
    int64_t taken;

    void aim() {
        step = held(shape.slope / shape.bend, longest_step);
        next = held(now + step, limit);
    }
    // Whether there is more to do, once the shape at `next` is known; `rose` says if it was taken.
    bool goes_on(const Shape& there, int64_t steps, bool& rose) {
        const bool is_short = !(std::fabs(step) >= short_step);  // also where it is no number
        rose = is_short || there.value >= shape.value;
        if (!rose) {
            step *= 0.5;
            next = held(now + step, limit);
            return true;
        }
        now = next;
        shape = there;
        if (++taken == steps) return false;
        aim();
        return true;
    }
};

Status step(const GladPass& pass, int64_t lo, int64_t hi, GladSums& sums) {
    const SlotVotes& v = pass.votes;
    const int64_t k = pass.k, longest = longest_tile(v, lo, hi);
    if (longest < 0) return Status::out_of_range;
    TileRoom room(8, longest);
    if (!room.has_memory()) return Status::no_memory;
    double *score = room[0], *alpha = room[1], *x = room[2], *p = room[3], *soft = room[4],
           *q = room[5], *new_p = room[6], *new_x = room[7];
    alignas(64) double easy[tile_tasks] = {}, new_easy[tile_tasks] = {};
    Newton newton[tile_tasks];
    const double log_wrong = std::log(double(k > 1 ? k - 1 : 1)), log_k = std::log(double(k));
    double gain = 0, product = 1;
    for (int64_t begin = lo, end; begin < hi; begin = end) {
        end = begin + tile_of(v, begin, hi);
        const int64_t from = v.ptr[begin], m = v.ptr[end] - from, n_tasks = end - begin;
        if (!are_slots(v, begin, end, k) || !all_below(pass.worker + from, m, pass.n_workers))
            return Status::out_of_range;
        const double* weight = v.weight ? v.weight + from : nullptr;
        const int32_t* worker = pass.worker + from;
        for (int64_t t = 0; t < n_tasks; t++) easy[t] = held(sums.beta[begin + t], limit);
        exp_all(easy, n_tasks);
        for (int64_t t = 0; t < n_tasks; t++)
            for (int64_t a = v.ptr[begin + t] - from; a < v.ptr[begin + t + 1] - from; a++) {
                if (from + a + ahead < v.n_answers) {
                    const int64_t j = worker[a + ahead];
                    __builtin_prefetch(pass.alpha + j);
                    __builtin_prefetch(sums.workers + j * glad_columns, 1);
                }
                alpha[a] = pass.alpha[worker[a]];
                x[a] = alpha[a] * easy[t];
            }
        logistic(x, m, p, soft);
        double* at = score;
        for (int64_t t = 0; t < n_tasks; t++) {
            const int64_t i = begin + t, first = v.ptr[i], n = v.size[i], known = v.gold[i];
            if (n == 0) continue;
            for (int64_t s = 0; s < n; s++) at[s] = 0;
            const double gap = sums.beta[i] - pass.beta_mean;
            double wrong = log_k + 0.5 * gap * gap;
            for (int64_t a = first - from; a < v.ptr[i + 1] - from; a++) {
                const double w = weight ? weight[a] : 1.0;
                wrong += w * (soft[a] + log_wrong);
                at[v.slot[from + a]] += w * (x[a] + log_wrong);
            }
            gain -= wrong;
            at[n] = n < k && known < 0 ? 0 : nothing;
            if (known >= 0) {
                for (int64_t s = 0; s < n; s++) {
                    const bool is_known = v.label[first + s] == known;
                    gain += is_known ? at[s] : 0;
                    at[s] = is_known ? 0 : nothing;
                }
            } else {
                double top = at[n];
                for (int64_t s = 0; s < n; s++) top = larger(top, at[s]);
                for (int64_t s = 0; s <= n; s++) at[s] -= top;
                gain += top;
            }
            at += n + 1;
        }
        exp_all(score, at - score);
        at = score;
        int64_t active = 0;
        for (int64_t t = 0; t < n_tasks; t++) {
            const int64_t i = begin + t, first = v.ptr[i], n = v.size[i];
            const int64_t start = first - from, len = v.ptr[i + 1] - first;
            if (n == 0) continue;
            double other = at[n];
            if (v.gold[i] < 0) {
                double total = double(k - n) * other;
                for (int64_t s = 0; s < n; s++) total += at[s];
                // One logarithm for many tasks: each total is from 1 to k.
                product *= total;
                if (!(product < 1e200)) {
                    gain += std::log(product);
                    product = 1;
                }
                other /= total;
                for (int64_t s = 0; s < n; s++)
                    at[s] = pass.given ? pass.given[first + s] : at[s] / total;
            }
            for (int64_t a = start; a < start + len; a++) q[a] = at[v.slot[from + a]];
            if (pass.steps == 0) {
                sums.rest[i] = other;
                for (int64_t s = 0; s < n; s++) sums.share[first + s] = at[s];
                for (int64_t a = start; a < start + len; a++)
                    sums.workers[worker[a] * glad_columns] += (weight ? weight[a] : 1.0) * q[a];
            } else {
                Newton& task = newton[active++];
                task.task = t;
                task.now = sums.beta[i];
                task.taken = 0;
                task.shape =
                    shape_of(task.now, pass.beta_mean, len, weight ? weight + start : nullptr,
                             x + start, q + start, p + start, soft + start);
                task.aim();
            }
            at += n + 1;
        }
        if (pass.steps == 0) continue;
        while (active > 0) {
            for (int64_t r = 0; r < active; r++) new_easy[r] = newton[r].next;
            exp_all(new_easy, active);
            int64_t n = 0;
            for (int64_t r = 0; r < active; r++) {
                const int64_t i = begin + newton[r].task;
                for (int64_t a = v.ptr[i] - from; a < v.ptr[i + 1] - from; a++)
                    new_x[n++] = alpha[a] * new_easy[r];
            }
            logistic(new_x, n, new_p, soft);
            n = 0;
            int64_t left = 0;
            for (int64_t r = 0; r < active; r++) {
                Newton task = newton[r];
                const int64_t i = begin + task.task, start = v.ptr[i] - from;
                const int64_t len = v.ptr[i + 1] - v.ptr[i];
                const Shape there =
                    shape_of(task.next, pass.beta_mean, len, weight ? weight + start : nullptr,
                             new_x + n, q + start, new_p + n, soft + n);
                bool rose;
                const bool goes_on = task.goes_on(there, pass.steps, rose);
                if (rose) {
                    easy[task.task] = new_easy[r];
                    sums.beta[i] = task.now;
                    for (int64_t a = 0; a < len; a++) p[start + a] = new_p[n + a];
                }
                if (goes_on) newton[left++] = task;
                n += len;
            }
            active = left;
        }
        for (int64_t t = 0; t < n_tasks; t++)
            for (int64_t a = v.ptr[begin + t] - from; a < v.ptr[begin + t + 1] - from; a++) {
                double* row = sums.workers + worker[a] * glad_columns;
                const double w = weight ? weight[a] : 1.0;
                row[glad_gradient] += w * (q[a] - p[a]) * easy[t];
                row[glad_curvature] += w * p[a] * (1 - p[a]) * easy[t] * easy[t];
                row[glad_reach] = larger(row[glad_reach], easy[t]);
            }
    }
    sums.gain = gain + std::log(product);
    return Status::fine;
}

void add_up(const double* blocks, int64_t n_blocks, int64_t n_workers, int64_t lo, int64_t hi,
            double* sums) {
    for (int64_t j = lo; j < hi; j++) {
        double gradient = 0, curvature = 0, reach = 0;
        for (int64_t b = 0; b < n_blocks; b++) {
            const double* row = blocks + (b * n_workers + j) * glad_columns;
            gradient += row[glad_gradient];
            curvature += row[glad_curvature];
            reach = larger(reach, row[glad_reach]);
        }
        sums[j] = gradient;
        sums[n_workers + j] = curvature;
        sums[2 * n_workers + j] = reach;
    }
}

}  // namespace

extern const GladLoops glad;
const GladLoops glad{step, add_up};

}  // namespace peerannot::PEERANNOT_ISA
