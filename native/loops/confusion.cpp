// One pass does E and M: for each task add the rows of log-probabilities of its answers,
// normalise, add the posterior to the counts of the next M-step.
//
// Tasks go through in tiles that stay in the first-level cache: the indices of a tile are checked,
// rows of large tables are asked for while others are added, and exponentials are one vectorised
// loop. Rows of up to 16 classes are padded, so that a row is whole registers; the padding has
// probability 0. Sums are double whatever the precision of the table.
#include "confusion.hpp"

#include <cmath>

#include "exp.hpp"
#include "room.hpp"
#include "votes_rows.hpp"

namespace peerannot::PEERANNOT_ISA {
namespace {

constexpr int ahead = 24;           // answers ahead of which rows of tables are asked for
constexpr int64_t near = 1 << 21;   // bytes of tables that are near enough not to be asked for
constexpr double tie = 1.0 - 1e-9;  // classes within this of the likeliest share a hard step

// Keep only the columns of a known class.
template <class Real>
PEERANNOT_INLINE void clamp(Real* z, int64_t k, int64_t known, int64_t parts) {
    for (int64_t c = 0; c < k; c++)
        if (c < known * parts || c >= (known + 1) * parts) z[c] = Real(nothing) * 2;
}

template <class Real, int W>
PEERANNOT_INLINE Row<Real, W> clamped(const Row<Real, W>& row, int64_t k, int64_t known,
                                      int64_t parts) {
    alignas(64) Real z[W];
    row.put(z);
    clamp(z, k, known, parts);
    return Row<Real, W>::at(z);
}

// Sum of the rows of a task's answers.
template <class Real, class Sum, int W>
PEERANNOT_INLINE Row<Sum, W> rows_of(Row<Sum, W> z, const Real* table, const int32_t* pair,
                                     const double* weight, int64_t n) {
    if (weight) {
        for (int64_t a = 0; a < n; a++)
            z += Row<Sum, W>::from(table + int64_t(pair[a]) * W) * Sum(weight[a]);
    } else {
        for (int64_t a = 0; a < n; a++) z += Row<Sum, W>::from(table + int64_t(pair[a]) * W);
    }
    return z;
}

// Ask for the rows of a table that answers `jump` later will use, and those of counts that these
// n will soon.
template <class Real, int W>
PEERANNOT_INLINE void ask(const Real* table, const double* counts, const int32_t* pair, int64_t n,
                          int64_t jump) {
    for (int64_t a = 0; a < n; a++) __builtin_prefetch(table + int64_t(pair[a + jump]) * W);
    if (!counts) return;
    for (int64_t a = 0; a < n; a++)
        for (int c = 0; c < W; c += 8) __builtin_prefetch(counts + int64_t(pair[a]) * W + c, 1);
}

template <class Real, int W>
Status em_rows(const Pass& pass, int64_t lo, int64_t hi, Sums& sums) {
    constexpr int tile = W >= 8 ? 16 : 32;
    const Votes v = pass.votes;
    const Real* const table = static_cast<const Real*>(pass.table);
    double *const counts = sums.counts, *const posterior = sums.posterior;
    const int64_t k = pass.k, parts = pass.parts, n_labels = k / parts;
    const bool hard = pass.hard;
    const bool far = v.n_pairs * W * int64_t(sizeof(Real) + sizeof(double)) > near;
    alignas(64) double share[W];
    for (int c = 0; c < W; c++) share[c] = c < k ? pass.log_prior[c] : nothing;
    const auto prior = Row<double, W>::at(share);
    const auto short_prior = Row<Real, W>::from(share);
    alignas(64) Real z[tile * W] = {};
    auto mass = Row<double, W>::of(0);
    double gain = 0, product = 1;
    for (int64_t start = lo; start < hi; start += tile) {
        const int64_t n = least(tile, hi - start);
        if (!in_order(v, start, start + n, n_labels)) return Status::out_of_range;
        const int64_t jump = v.task_ptr[start + n] + ahead <= v.n_answers ? ahead : 0;
        for (int64_t t = 0; t < n; t++) {
            const int64_t i = start + t, first = v.task_ptr[i], size = v.task_ptr[i + 1] - first;
            const int32_t* const pair = v.pair + first;
            const double* const weight = v.weight ? v.weight + first : nullptr;
            if (far) ask<Real, W>(table, counts, pair, size, jump);
            Real* const at = z + t * W;
            if (sizeof(Real) < sizeof(double) && size > most_in_single) {
                // A long sum: what its rounding would add up to is kept out, its top taken off.
                auto row = rows_of<Real, double, W>(prior, table, pair, weight, size);
                if (v.gold[i] >= 0) row = clamped<double, W>(row, k, v.gold[i], parts);
                const double top = row.largest();
                row -= top;
                row.put(share);
                Row<Real, W>::from(share).put(at);
                gain += top;
                continue;
            }
            auto row = rows_of<Real, Real, W>(short_prior, table, pair, weight, size);
            if (v.gold[i] >= 0) row = clamped<Real, W>(row, k, v.gold[i], parts);
            const Real top = row.largest();
            row -= top;
            row.put(at);
            if (size > 0 || v.gold[i] >= 0) gain += double(top);
        }
        exp_all(z, n * W);
        for (int64_t t = 0; t < n; t++) {
            const int64_t i = start + t, first = v.task_ptr[i], size = v.task_ptr[i + 1] - first;
            const int32_t* const pair = v.pair + first;
            auto row = Row<double, W>::from(z + t * W);
            double total = row.sum();
            const bool counted = size > 0 || v.gold[i] >= 0;
            // One logarithm for many tasks: each total is from 1 to W.
            if (counted) product *= total;
            if (hard) {
                row.put(share);
                for (int c = 0; c < W; c++) share[c] = share[c] >= tie ? 1.0 : 0.0;
                row = Row<double, W>::at(share);
                total = row.sum();
            }
            row *= 1.0 / total;
            if (posterior) {
                row.put(share);
                for (int64_t c = 0; c < k; c++) posterior[i * k + c] = share[c];
            }
            if (counted) mass += row;
            if (!counts) continue;
            if (v.weight) {
                for (int64_t a = 0; a < size; a++) {
                    double* const to = counts + int64_t(pair[a]) * W;
                    (Row<double, W>::at(to) + row * v.weight[first + a]).put(to);
                }
            } else {
                for (int64_t a = 0; a < size; a++) {
                    double* const to = counts + int64_t(pair[a]) * W;
                    (Row<double, W>::at(to) + row).put(to);
                }
            }
        }
        if (product > 1e150) {
            gain += std::log(product);
            product = 1;
        }
    }
    mass.put(share);
    for (int64_t c = 0; c < k; c++) sums.mass[c] += share[c];
    sums.gain = gain + std::log(product);
    return Status::fine;
}

constexpr int chunk = 8;  // classes that are added together, or left where all are 0
using Chunk = Row<double, chunk>;

template <class Real> Status em_wide(const Pass& pass, int64_t lo, int64_t hi, Sums& sums) {
    using V = Vector<Real, lanes<Real>>;
    const Votes& v = pass.votes;
    const Real* table = static_cast<const Real*>(pass.table);
    const int64_t k = pass.k, tile = least(k < 1024 ? 1024 / k : 1, 64);
    const int64_t n_chunks = (k + chunk - 1) / chunk;
    Room z_room((tile * k + lanes<Real>) * int64_t(sizeof(Real))), share_room(n_chunks * chunk * 8),
        sum_room(k * 8), used_room(n_chunks * 8);
    Real* z = static_cast<Real*>(z_room.at);
    double* share = static_cast<double*>(share_room.at);
    double* exact = static_cast<double*>(sum_room.at);
    int64_t* used = static_cast<int64_t*>(used_room.at);
    if (!z || !share || !exact || !used) return Status::no_memory;
    for (int64_t c = 0; c < tile * k + lanes<Real>; c++) z[c] = 0;
    for (int64_t c = k; c < n_chunks * chunk; c++) share[c] = 0;
    double gain = 0, product = 1;
    for (int64_t start = lo; start < hi; start += tile) {
        const int64_t n = least(tile, hi - start);
        if (!in_order(v, start, start + n, k / pass.parts)) return Status::out_of_range;
        for (int64_t t = 0; t < n; t++) {
            const int64_t i = start + t, first = v.task_ptr[i], last = v.task_ptr[i + 1];
            Real* __restrict at = z + t * k;
            const bool counted = last > first || v.gold[i] >= 0;
            if (sizeof(Real) < sizeof(double) && last - first > most_in_single) {
                for (int64_t c = 0; c < k; c++) exact[c] = pass.log_prior[c];
                for (int64_t a = first; a < last; a++) {
                    const Real* __restrict row = table + int64_t(v.pair[a]) * k;
                    const double w = v.weight ? v.weight[a] : 1.0;
                    for (int64_t c = 0; c < k; c++) exact[c] += w * double(row[c]);
                }
                if (v.gold[i] >= 0) clamp(exact, k, v.gold[i], pass.parts);
                double top = exact[0];
                for (int64_t c = 1; c < k; c++) top = larger(top, exact[c]);
                for (int64_t c = 0; c < k; c++) at[c] = Real(exact[c] - top);
                gain += top;
                continue;
            }
            for (int64_t c = 0; c < k; c++) at[c] = Real(pass.log_prior[c]);
            for (int64_t a = first; a < last; a++) {
                const Real* __restrict row = table + int64_t(v.pair[a]) * k;
                if (v.weight) {
                    const Real w = Real(v.weight[a]);
                    for (int64_t c = 0; c < k; c++) at[c] += w * row[c];
                } else {
                    for (int64_t c = 0; c < k; c++) at[c] += row[c];
                }
            }
            if (v.gold[i] >= 0) clamp(at, k, v.gold[i], pass.parts);
            int64_t c = lanes<Real>;
            Real top = at[0];
            if (k >= lanes<Real>) {
                V tops = load<V>(at);
                for (; c + lanes<Real> <= k; c += lanes<Real>) tops = larger(tops, load<V>(at + c));
                top = largest_of<Real, lanes<Real>>(tops);
            } else {
                c = 1;
            }
            for (; c < k; c++) top = larger(top, at[c]);
            for (c = 0; c < k; c++) at[c] -= top;
            if (counted) gain += double(top);
        }
        exp_all(z, n * k);
        for (int64_t t = 0; t < n; t++) {
            const int64_t i = start + t, first = v.task_ptr[i], last = v.task_ptr[i + 1];
            const Real* at = z + t * k;
            const bool counted = last > first || v.gold[i] >= 0;
            for (int64_t c = 0; c < k; c++) share[c] = double(at[c]);
            auto parts = Chunk::of(0);
            for (int64_t s = 0; s < n_chunks; s++) parts += Chunk::at(share + s * chunk);
            double total = parts.sum();
            if (counted) {
                product *= total;  // from 1 to k
                if (product > 1e200) {
                    gain += std::log(product);
                    product = 1;
                }
            }
            if (pass.hard) {
                total = 0;
                for (int64_t c = 0; c < k; c++) total += share[c] = share[c] >= tie ? 1.0 : 0.0;
            }
            const double scale = 1.0 / total;
            for (int64_t c = 0; c < k; c++) share[c] *= scale;
            if (sums.posterior) std::memcpy(sums.posterior + i * k, share, size_t(k) * 8);
            if (counted)
                for (int64_t c = 0; c < k; c++) sums.mass[c] += share[c];
            if (!sums.counts) continue;
            // Most classes of a task with few labels have probability 0.
            int64_t n_used = 0;
            for (int64_t s = 0; s < n_chunks; s++) {
                used[n_used] = s * chunk;
                n_used += Chunk::at(share + s * chunk).sum() > 0.0;
            }
            for (int64_t a = first; a < last; a++) {
                double* __restrict to = sums.counts + int64_t(v.pair[a]) * k;
                const double w = v.weight ? v.weight[a] : 1.0;
                for (int64_t u = 0; u < n_used; u++) {
                    const int64_t begin = used[u];
                    if (begin + chunk <= k) {
                        auto count = Chunk::at(to + begin);
                        count += Chunk::at(share + begin) * w;
                        count.put(to + begin);
                    } else {
                        for (int64_t c = begin; c < k; c++) to[c] += w * share[c];
                    }
                }
            }
        }
    }
    sums.gain = gain + std::log(product);
    return Status::fine;
}

template <class Real> Status em_of(const Pass& pass, int64_t lo, int64_t hi, Sums& sums) {
    return by_width(
        pass.k,
        [&](auto width) { return em_rows<Real, decltype(width)::value>(pass, lo, hi, sums); },
        [&] { return em_wide<Real>(pass, lo, hi, sums); });
}

Status em(const Pass& pass, int64_t lo, int64_t hi, Sums& sums) {
    return pass.single ? em_of<float>(pass, lo, hi, sums) : em_of<double>(pass, lo, hi, sums);
}

template <class Real>
PEERANNOT_INLINE void lay_out_as(const double* table, int64_t lo, int64_t hi, int64_t k, Real* to) {
    const int64_t w = row_width(k);
    for (int64_t p = lo; p < hi; p++) {
        for (int64_t c = 0; c < k; c++) to[p * w + c] = Real(table[p * k + c]);
        for (int64_t c = k; c < w; c++) to[p * w + c] = Real(nothing);
    }
}

void lay_out(const double* table, int64_t lo, int64_t hi, int64_t k, bool single, void* to) {
    if (single)
        lay_out_as(table, lo, hi, k, static_cast<float*>(to));
    else
        lay_out_as(table, lo, hi, k, static_cast<double*>(to));
}

template <int W>
Status start_rows(const Votes& v, const int32_t* label, const double* given, int64_t k, int64_t lo,
                  int64_t hi, Sums& sums) {
    constexpr int tile = 64;
    alignas(64) double z[W] = {};
    auto mass = Row<double, W>::of(0);
    for (int64_t start = lo; start < hi; start += tile) {
        const int64_t n = least(tile, hi - start), from = v.task_ptr[start];
        if (!in_order(v, start, start + n, k)) return Status::out_of_range;
        if (!given && !all_below(label + from, v.task_ptr[start + n] - from, k))
            return Status::out_of_range;
        for (int64_t i = start; i < start + n; i++) {
            const int64_t first = v.task_ptr[i], size = v.task_ptr[i + 1] - first;
            const double* const weight = v.weight ? v.weight + first : nullptr;
            const bool known = v.gold[i] >= 0;
            Row<double, W> row;
            if (given) {
                std::memcpy(z, given + i * k, size_t(k) * 8);
                row = Row<double, W>::at(z);
            } else {
                Row<double, W>::of(0).put(z);
                double total = known ? 1 : 0;
                if (known) {
                    z[v.gold[i]] = 1;
                } else {
                    for (int64_t a = 0; a < size; a++) {
                        z[label[first + a]] += weight ? weight[a] : 1.0;
                        total += weight ? weight[a] : 1.0;
                    }
                }
                row = total > 0 ? Row<double, W>::at(z) : Row<double, W>::of(1);
                row *= 1.0 / (total > 0 ? total : double(k));
            }
            if (sums.posterior) {
                row.put(z);
                std::memcpy(sums.posterior + i * k, z, size_t(k) * 8);
            }
            if (size > 0 || known) mass += row;
            if (!sums.counts) continue;
            for (int64_t a = 0; a < size; a++) {
                double* const to = sums.counts + int64_t(v.pair[first + a]) * W;
                (Row<double, W>::at(to) + (weight ? row * weight[a] : row)).put(to);
            }
        }
    }
    mass.put(z);
    for (int64_t c = 0; c < k; c++) sums.mass[c] += z[c];
    return Status::fine;
}

Status start_wide(const Votes& v, const int32_t* label, const double* given, int64_t k, int64_t lo,
                  int64_t hi, Sums& sums) {
    Room room(k * 8);
    double* z = static_cast<double*>(room.at);
    if (!z) return Status::no_memory;
    for (int64_t i = lo; i < hi; i++) {
        if (!in_order(v, i, i + 1, k)) return Status::out_of_range;
        const int64_t first = v.task_ptr[i], last = v.task_ptr[i + 1];
        if (!given && !all_below(label + first, last - first, k)) return Status::out_of_range;
        const auto weight = [&](int64_t a) { return v.weight ? v.weight[a] : 1.0; };
        double total = 0;
        if (!given && v.gold[i] < 0)
            for (int64_t a = first; a < last; a++) total += weight(a);
        if (total > 0 && !sums.posterior && last - first < k) {
            // Of many classes few have votes.
            for (int64_t b = first; b < last; b++) {
                const double share = weight(b) / total;
                sums.mass[label[b]] += share;
                if (!sums.counts) continue;
                for (int64_t a = first; a < last; a++)
                    sums.counts[int64_t(v.pair[a]) * k + label[b]] += weight(a) * share;
            }
            continue;
        }
        if (given) {
            std::memcpy(z, given + i * k, size_t(k) * 8);
        } else {
            const double rest = total > 0 || v.gold[i] >= 0 ? 0.0 : 1.0 / double(k);
            for (int64_t c = 0; c < k; c++) z[c] = rest;
            if (v.gold[i] >= 0) z[v.gold[i]] = 1;
            if (total > 0)
                for (int64_t a = first; a < last; a++) z[label[a]] += weight(a) / total;
        }
        if (sums.posterior) std::memcpy(sums.posterior + i * k, z, size_t(k) * 8);
        if (last > first || v.gold[i] >= 0)
            for (int64_t c = 0; c < k; c++) sums.mass[c] += z[c];
        if (!sums.counts) continue;
        for (int64_t a = first; a < last; a++) {
            double* __restrict to = sums.counts + int64_t(v.pair[a]) * k;
            const double w = weight(a);
            for (int64_t c = 0; c < k; c++) to[c] += w * z[c];
        }
    }
    return Status::fine;
}

Status start(const Votes& v, const int32_t* label, const double* given, int64_t k, int64_t lo,
             int64_t hi, Sums& sums) {
    return by_width(
        k,
        [&](auto width) {
            return start_rows<decltype(width)::value>(v, label, given, k, lo, hi, sums);
        },
        [&] { return start_wide(v, label, given, k, lo, hi, sums); });
}

void add_up(const double* blocks, int64_t n_blocks, int64_t n_pairs, int64_t k, int64_t lo,
            int64_t hi, double* counts) {
    add_rows(blocks, n_blocks, n_pairs, k, row_width(k), lo, hi, counts);
}

Status gather(const Votes& v, const int32_t* order, const int64_t* order_ptr, const int32_t* task,
              const double* posterior, int64_t k, int64_t lo, int64_t hi, double* counts) {
    if (!are_runs(order_ptr, lo, hi, v.n_answers)) return Status::out_of_range;
    for (int64_t p = lo; p < hi; p++) {
        double* __restrict to = counts + p * k;
        for (int64_t c = 0; c < k; c++) to[c] = 0;
        for (int64_t s = order_ptr[p]; s < order_ptr[p + 1]; s++) {
            const int64_t a = order[s];
            if (a < 0 || a >= v.n_answers) return Status::out_of_range;
            const int64_t i = task[a];
            if (i < 0 || i >= v.n_tasks) return Status::out_of_range;
            const double* __restrict z = posterior + i * k;
            const double weight = v.weight ? v.weight[a] : 1.0;
            for (int64_t c = 0; c < k; c++) to[c] += weight * z[c];
        }
    }
    return Status::fine;
}

Status positions(const int32_t* code, int64_t n, int64_t n_codes, int32_t* order, int64_t* ptr) {
    if (!all_below(code, n, n_codes)) return Status::out_of_range;
    // ptr[c + 1] is first where the next one of c goes, and in the end where c + 1 starts.
    for (int64_t c = 0; c <= n_codes; c++) ptr[c] = 0;
    for (int64_t a = 0; a < n; a++)
        if (code[a] + 2 <= n_codes) ptr[code[a] + 2]++;
    for (int64_t c = 2; c <= n_codes; c++) ptr[c] += ptr[c - 1];
    for (int64_t a = 0; a < n; a++) order[ptr[code[a] + 1]++] = int32_t(a);
    return Status::fine;
}

Status expected(const int64_t* ptr, const int64_t* order, const int32_t* task,
                const int32_t* label, const double* weight, const double* posterior,
                int64_t n_answers, int64_t n_tasks, int64_t k, int64_t lo, int64_t hi,
                double* out) {
    if (!are_runs(ptr, lo, hi, n_answers)) return Status::out_of_range;
    for (int64_t j = lo; j < hi; j++) {
        double* counts = out + j * k * k;
        for (int64_t c = 0; c < k * k; c++) counts[c] = 0;
        for (int64_t s = ptr[j]; s < ptr[j + 1]; s++) {
            const int64_t a = order[s];
            if (a < 0 || a >= n_answers) return Status::out_of_range;
            const int64_t i = task[a], l = label[a];
            if (i < 0 || i >= n_tasks || l < 0 || l >= k) return Status::out_of_range;
            const double w = weight ? weight[a] : 1.0;
            for (int64_t c = 0; c < k; c++) counts[c * k + l] += w * posterior[i * k + c];
        }
    }
    return Status::fine;
}

}  // namespace

extern const ConfusionLoops confusion;
const ConfusionLoops confusion{lay_out, em, start, add_up, gather, positions, expected};

}  // namespace peerannot::PEERANNOT_ISA
