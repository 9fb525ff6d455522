// The pairs of a worker times the true classes are one row of numbers: none of a register is left
// over but at its end.
#include "types.hpp"

#include <cmath>

#include "gamma.hpp"
#include "room.hpp"

namespace peerannot::PEERANNOT_ISA {
namespace {

constexpr int lane = lanes<double>;
using V = Vector<double, lane>;
constexpr double least_left_out = 1e-3;  // LEAST_LEFT_OUT of passes/worker_types.py

PEERANNOT_INLINE int64_t whole(int64_t n) { return (n + lane - 1) / lane * lane; }

void gammas(const double* x, int64_t n, double* log_gamma, double* digamma) {
    for (int64_t c = 0; c < n; c += lane) {
        const int64_t m = least(lane, n - c);
        alignas(64) double row[lane], digammas[lane];
        for (int64_t i = 0; i < lane; i++) row[i] = i < m ? x[c + i] : 1.0;
        const auto gamma = gamma_of<lane>(load<V>(row));
        store(row, gamma.log);
        store(digammas, gamma.digamma);
        for (int64_t i = 0; i < m; i++) {
            log_gamma[c + i] = row[i];
            digamma[c + i] = digammas[i];
        }
    }
}

PEERANNOT_INLINE bool fits(const TypesOf& t, int64_t lo, int64_t hi) {
    return are_runs(t.ptr, lo, hi, t.n_pairs) &&
           all_below(t.label + t.ptr[lo], t.ptr[hi] - t.ptr[lo], t.k);
}

// Pairs of the worker of workers lo..hi who has most.
PEERANNOT_INLINE int64_t most_pairs(const TypesOf& t, int64_t lo, int64_t hi) {
    int64_t most = 0;
    for (int64_t j = lo; j < hi; j++) most = larger(most, t.ptr[j + 1] - t.ptr[j]);
    return most;
}

// Sums of the counts of n pairs by true class.
PEERANNOT_INLINE void sum_rows(const double* counts, int64_t n, int64_t k, double* rows) {
    for (int64_t c = 0; c < k; c++) rows[c] = 0;
    for (int64_t p = 0; p < n; p++)
        for (int64_t c = 0; c < k; c++) rows[c] += counts[p * k + c];
}

// Rows of a table (k, k) by the labels of n pairs, one after another.
PEERANNOT_INLINE void take_rows(const double* table, const int32_t* label, int64_t n, int64_t k,
                                double* to) {
    for (int64_t p = 0; p < n; p++) {
        const double* const from = table + label[p] * k;
        for (int64_t c = 0; c < k; c++) to[p * k + c] = from[c];
    }
}

// A row of k numbers n times.
PEERANNOT_INLINE void repeat(const double* row, int64_t n, int64_t k, double* to) {
    for (int64_t p = 0; p < n; p++)
        for (int64_t c = 0; c < k; c++) to[p * k + c] = row[c];
}

// What the gamma functions of n numbers `begun` differ by once there are `counts` more of each,
// given those of `begun`: the sum for lgamma, each for digamma. `x` is room for them.
PEERANNOT_INLINE double gained(const double* begun, const double* log_gamma, const double* digamma,
                               const double* counts, int64_t n, double* each) {
    V sum = V{};
    for (int64_t c = 0; c < n; c += lane) {
        if (c + lane <= n) {
            const auto gamma = gamma_of<lane>(load<V>(begun + c) + load<V>(counts + c));
            sum += gamma.log - load<V>(log_gamma + c);
            store(each + c, gamma.digamma - load<V>(digamma + c));
            continue;
        }
        alignas(64) double rest[lane], logs[lane], slopes[lane];
        for (int64_t i = 0; i < lane; i++)
            rest[i] = c + i < n ? begun[c + i] + counts[c + i] : 1.0;
        const auto gamma = gamma_of<lane>(load<V>(rest));
        store(logs, gamma.log);
        store(slopes, gamma.digamma);
        for (int64_t i = 0; c + i < n; i++) {
            sum[0] += logs[i] - log_gamma[c + i];
            each[c + i] = slopes[i] - digamma[c + i];
        }
    }
    return sum_of<double, lane>(sum);
}

Status membership(const TypesOf& t, const double* log_share, int64_t lo, int64_t hi,
                  double* membership, double* met, double* spent) {
    if (!fits(t, lo, hi)) return Status::out_of_range;
    // Differences of digamma of a worker's pairs and rows, by type, until their weight is known.
    const int64_t k = t.k, most = most_pairs(t, lo, hi) * k, each = most + k;
    Room room((t.n_types * each + 3 * most + k) * 8);
    double* const gain = static_cast<double*>(room.at);
    if (!gain) return Status::no_memory;
    double *const rows = gain + t.n_types * each, *const begun = rows + k;
    double *const log_gamma = begun + most, *const digamma = log_gamma + most;
    for (int64_t j = lo; j < hi; j++) {
        const int64_t first = t.ptr[j], n = t.ptr[j + 1] - first;
        const int32_t* const label = t.label + first;
        const double* const counts = t.counts + first * k;
        double* const member = membership + j * t.n_types;
        sum_rows(counts, n, k, rows);
        double top = -INFINITY;
        for (int64_t m = 0; m < t.n_types; m++) {
            double* const of_type = gain + m * each;
            take_rows(t.begun + m * k * k, label, n, k, begun);
            take_rows(t.log_gamma + m * k * k, label, n, k, log_gamma);
            take_rows(t.digamma + m * k * k, label, n, k, digamma);
            member[m] = log_share[m] + gained(begun, log_gamma, digamma, counts, n * k, of_type);
            if (n > 0)
                member[m] -= gained(t.total + m * k, t.total_log_gamma + m * k,
                                    t.total_digamma + m * k, rows, k, of_type + n * k);
            top = larger(top, member[m]);
        }
        double all = 0;
        for (int64_t m = 0; m < t.n_types; m++) all += member[m] = std::exp(member[m] - top);
        for (int64_t m = 0; m < t.n_types; m++) member[m] /= all;
        for (int64_t m = 0; m < t.n_types && met && n > 0; m++) {
            const double* const of_type = gain + m * each;
            for (int64_t p = 0; p < n; p++) {
                double* const to = met + (m * k + label[p]) * k;
                for (int64_t c = 0; c < k; c++) to[c] += of_type[p * k + c] * member[m];
            }
            double* const to = spent + m * k;
            for (int64_t c = 0; c < k; c++) to[c] += of_type[n * k + c] * member[m];
        }
    }
    return Status::fine;
}

Status tables(const TypesOf& t, const double* membership, int64_t lo, int64_t hi, double* table,
              double* slope) {
    if (!fits(t, lo, hi)) return Status::out_of_range;
    const int64_t k = t.k, most = most_pairs(t, lo, hi), each = whole(most * k);
    Room room(((2 * t.n_types + 4) * each + k) * 8);
    double* const begun = static_cast<double*>(room.at);  // of each type, as counts
    if (!begun) return Status::no_memory;
    double *const total = begun + t.n_types * each, *const count = total + t.n_types * each;
    double *const row = count + each, *const log_row = row + each, *const log_slope = log_row + each;
    double* const rows = log_slope + each;
    for (int64_t i = 0; i < (2 * t.n_types + 2) * each; i++) begun[i] = 1;  // what is not reached
    for (int64_t m = 0; m < t.n_types; m++) repeat(t.total + m * k, most, k, total + m * each);
    for (int64_t j = lo; j < hi; j++) {
        const int64_t first = t.ptr[j], n = t.ptr[j + 1] - first;
        const double* const member = membership + j * t.n_types;
        std::memcpy(count, t.counts + first * k, size_t(n * k) * 8);
        sum_rows(count, n, k, rows);
        repeat(rows, n, k, row);
        for (int64_t m = 0; m < t.n_types; m++)
            take_rows(t.begun + m * k * k, t.label + first, n, k, begun + m * each);
        for (int64_t c = 0; c < n * k; c += lane) {
            const V counts = load<V>(count + c), row_counts = load<V>(row + c);
            V left_out = larger(counts, V{} + least_left_out);
            left_out = left_out < 1.0 ? left_out : V{} + 1.0;
            const V other = larger(counts - left_out, V{});
            const V other_row = larger(row_counts - left_out, V{});
            V every = V{}, apart = V{};
            for (int64_t m = 0; m < t.n_types; m++) {
                const V own = load<V>(begun + m * each + c) * member[m];
                const V all = load<V>(total + m * each + c);
                every += (own + counts * member[m]) / (all + row_counts);
                apart += (own + other * member[m]) / (all + other_row);
            }
            const V log_every = log_of<lane>(every);
            store(log_row + c, log_every);
            store(log_slope + c, (log_of<lane>(apart) - log_every) / left_out);
        }
        std::memcpy(table + first * k, log_row, size_t(n * k) * 8);
        std::memcpy(slope + first * k, log_slope, size_t(n * k) * 8);
    }
    return Status::fine;
}

}  // namespace

extern const TypesLoops types;
const TypesLoops types{gammas, membership, tables};

}  // namespace peerannot::PEERANNOT_ISA
