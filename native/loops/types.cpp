// True classes are lanes: rows of counts and of pseudo-answers lie side by side in memory.
#include "types.hpp"

#include <cmath>

#include "gamma.hpp"
#include "room.hpp"

namespace peerannot::PEERANNOT_ISA {
namespace {

constexpr int lane = lanes<double>;
using V = Vector<double, lane>;
constexpr double least_left_out = 1e-3;  // LEAST_LEFT_OUT of passes/worker_types.py

int64_t width(int64_t k) { return (k + lane - 1) / lane * lane; }

void gammas(const double* x, int64_t n, double* log_gamma, double* digamma) {
    for (int64_t c = 0; c < n; c += lane) {
        const auto gamma = gamma_of<lane>(load<V>(x + c));
        store(log_gamma + c, gamma.log);
        store(digamma + c, gamma.digamma);
    }
}

// A row of counts, or what is left of it in a register: the rest is 0.
PEERANNOT_INLINE V counts_at(const double* row, int64_t c, int64_t k) {
    if (c + lane <= k) return load<V>(row + c);
    alignas(64) double rest[lane] = {};
    for (int64_t i = c; i < k; i++) rest[i - c] = row[i];
    return load<V>(rest);
}

PEERANNOT_INLINE void put_at(double* row, int64_t c, int64_t k, V v) {
    if (c + lane <= k) return store(row + c, v);
    alignas(64) double rest[lane];
    store(rest, v);
    for (int64_t i = c; i < k; i++) row[i] = rest[i - c];
}

PEERANNOT_INLINE bool fits(const TypesOf& t, int64_t lo, int64_t hi) {
    return are_runs(t.ptr, lo, hi, t.n_pairs) &&
           all_below(t.label + t.ptr[lo], t.ptr[hi] - t.ptr[lo], t.k);
}

// Sums of the counts of a worker by true class, padded by 0.
PEERANNOT_INLINE void sum_rows(const TypesOf& t, int64_t j, double* rows) {
    for (int64_t c = 0; c < t.width; c++) rows[c] = 0;
    for (int64_t p = t.ptr[j]; p < t.ptr[j + 1]; p++)
        for (int64_t c = 0; c < t.k; c++) rows[c] += t.counts[p * t.k + c];
}

Status membership(const TypesOf& t, const double* log_share, int64_t lo, int64_t hi,
                  double* membership, double* met, double* spent) {
    if (!fits(t, lo, hi)) return Status::out_of_range;
    int64_t most = 0;
    for (int64_t j = lo; j < hi; j++) most = larger(most, t.ptr[j + 1] - t.ptr[j]);
    // Differences of digamma of a worker's pairs and rows, by type, until their weight is known.
    const int64_t each = (most + 1) * t.width;
    Room room((t.n_types * each + t.width) * 8);
    double* const gain = static_cast<double*>(room.at);
    if (!gain) return Status::no_memory;
    double* const rows = gain + t.n_types * each;
    for (int64_t j = lo; j < hi; j++) {
        const int64_t first = t.ptr[j], n = t.ptr[j + 1] - first;
        double* const member = membership + j * t.n_types;
        sum_rows(t, j, rows);
        double top = -INFINITY;
        for (int64_t m = 0; m < t.n_types; m++) {
            V score = V{};
            double* const of_type = gain + m * each;
            for (int64_t p = 0; p < n; p++) {
                const double* const counts = t.counts + (first + p) * t.k;
                const int64_t at = (m * t.k + t.label[first + p]) * t.width;
                for (int64_t c = 0; c < t.width; c += lane) {
                    const V begun = load<V>(t.begun + at + c);
                    const auto gamma = gamma_of<lane>(begun + counts_at(counts, c, t.k));
                    score += gamma.log - load<V>(t.log_gamma + at + c);
                    store(of_type + p * t.width + c,
                          gamma.digamma - load<V>(t.digamma + at + c));
                }
            }
            for (int64_t c = 0; c < t.width && n > 0; c += lane) {
                const V total = load<V>(t.total + m * t.width + c);
                const auto begun = gamma_of<lane>(total);
                const auto gamma = gamma_of<lane>(total + load<V>(rows + c));
                score += begun.log - gamma.log;
                store(of_type + n * t.width + c, gamma.digamma - begun.digamma);
            }
            member[m] = log_share[m] + sum_of<double, lane>(score);
            top = larger(top, member[m]);
        }
        double all = 0;
        for (int64_t m = 0; m < t.n_types; m++) all += member[m] = std::exp(member[m] - top);
        for (int64_t m = 0; m < t.n_types; m++) member[m] /= all;
        for (int64_t m = 0; m < t.n_types && met && n > 0; m++) {
            const double* const of_type = gain + m * each;
            for (int64_t p = 0; p < n; p++) {
                double* const to = met + (m * t.k + t.label[first + p]) * t.width;
                for (int64_t c = 0; c < t.width; c += lane)
                    store(to + c, load<V>(to + c) + load<V>(of_type + p * t.width + c) * member[m]);
            }
            double* const to = spent + m * t.width;
            for (int64_t c = 0; c < t.width; c += lane)
                store(to + c, load<V>(to + c) + load<V>(of_type + n * t.width + c) * member[m]);
        }
    }
    return Status::fine;
}

Status tables(const TypesOf& t, const double* membership, int64_t lo, int64_t hi, double* table,
              double* slope) {
    if (!fits(t, lo, hi)) return Status::out_of_range;
    Room room(t.width * 8);
    double* const rows = static_cast<double*>(room.at);
    if (!rows) return Status::no_memory;
    for (int64_t j = lo; j < hi; j++) {
        const double* const member = membership + j * t.n_types;
        sum_rows(t, j, rows);
        for (int64_t p = t.ptr[j]; p < t.ptr[j + 1]; p++) {
            const double* const counts = t.counts + p * t.k;
            for (int64_t c = 0; c < t.width; c += lane) {
                const V count = counts_at(counts, c, t.k), row = load<V>(rows + c);
                V left_out = larger(count, V{} + least_left_out);
                left_out = left_out < 1.0 ? left_out : V{} + 1.0;
                const V other = larger(count - left_out, V{});
                const V other_row = larger(row - left_out, V{});
                V every = V{}, apart = V{};
                for (int64_t m = 0; m < t.n_types; m++) {
                    const V begun =
                        load<V>(t.begun + (m * t.k + t.label[p]) * t.width + c) * member[m];
                    const V total = load<V>(t.total + m * t.width + c);
                    every += (begun + count * member[m]) / (total + row);
                    apart += (begun + other * member[m]) / (total + other_row);
                }
                const V log_every = log_of<lane>(every);
                put_at(table + p * t.k, c, t.k, log_every);
                put_at(slope + p * t.k, c, t.k, (log_of<lane>(apart) - log_every) / left_out);
            }
        }
    }
    return Status::fine;
}

}  // namespace

extern const TypesLoops types;
const TypesLoops types{width, gammas, membership, tables};

}  // namespace peerannot::PEERANNOT_ISA
