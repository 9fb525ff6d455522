// As the passes of confusion.cpp and coin.cpp, with what a task's own answers are left out by.
#include "apart.hpp"

#include "answers_flat.hpp"
#include "coin_passes.hpp"
#include "exp.hpp"
#include "slot_tiles.hpp"
#include "votes_rows.hpp"

namespace peerannot::PEERANNOT_ISA {
namespace {

using V = Vector<double, lanes<double>>;
constexpr int ahead = 24;           // answers ahead of which rows are asked for
constexpr int64_t cached_units = 1024;  // up to so many are in the first-level cache
constexpr int64_t near = 1 << 20;   // bytes of tables that are near enough not to be asked for

// Log-probabilities of a task: `prior` has slopes of 0, `own` are its probabilities, by which slopes count.
template <class Real, class Sum, int W>
PEERANNOT_INLINE Row<Sum, W> score_of(const Row<Sum, 2 * W>& prior, const Row<Sum, W>& own,
                                      const Real* rows, const int32_t* pair, const double* weight,
                                      int64_t n) {
    alignas(64) Sum both[2 * W];
    if (weight) {
        prior.put(both);
        auto z = Row<Sum, W>::at(both), slope = Row<Sum, W>::of(0);
        for (int64_t a = 0; a < n; a++) {
            const Real* const at = rows + int64_t(pair[a]) * 2 * W;
            const double w = weight[a];
            z += Row<Sum, W>::from(at) * Sum(w);
            slope += Row<Sum, W>::from(at + W) * Sum(w < 1 ? w * w : w);
        }
        z.put(both);
        slope.put(both + W);
    } else {
        // Rows of log-probabilities and of slopes lie side by side: few wide registers hold both.
        auto sum = prior;
        for (int64_t a = 0; a < n; a++)
            sum += Row<Sum, 2 * W>::from(rows + int64_t(pair[a]) * 2 * W);
        sum.put(both);
    }
    auto z = Row<Sum, W>::at(both);
    const auto slope = Row<Sum, W>::at(both + W);
    for (int i = 0; i < Row<Sum, W>::n; i++) z.v[i] += slope.v[i] * own.v[i];
    return z;
}

// The first k of W numbers, and 0; what lies before `end` may be read.
template <int W>
PEERANNOT_INLINE void get(const double* from, int64_t k, const double* end, const double* index,
                          double* to) {
    if (from + W <= end) {
        auto row = Row<double, W>::at(from);
        const auto place = Row<double, W>::at(index);
        for (int c = 0; c < Row<double, W>::n; c++)
            row.v[c] = place.v[c] < double(k) ? row.v[c] : typename Row<double, W>::V{};
        row.put(to);
    } else {
        for (int64_t c = 0; c < W; c++) to[c] = c < k ? from[c] : 0;
    }
}

// A tile of tasks is W wide in each of M models.
template <class Real, int W, int M>
Status em_rows(const ApartPass& pass, int64_t lo, int64_t hi, ApartSums& sums) {
    constexpr int tile = W >= 8 ? 16 : 32, all = M * W;
    const Votes v = pass.votes;
    const Real* const rows = static_cast<const Real*>(pass.rows);
    double* const counts = sums.counts;
    const int64_t k = pass.k;
    const bool far = v.n_pairs * all * int64_t(2 * sizeof(Real) + sizeof(double)) > near;
    alignas(64) double share[2 * all] = {}, index[W];
    for (int c = 0; c < all; c++)
        share[c] = c % W < k ? pass.log_prior[c / W * k + c % W] : nothing;
    for (int c = 0; c < W; c++) index[c] = c;
    const auto prior = Row<double, 2 * all>::at(share);
    const auto short_prior = Row<Real, 2 * all>::from(share);
    alignas(64) double before[tile * all], after[tile * all];
    alignas(64) Real z[tile * all] = {};
    auto mass = Row<double, all>::of(0), change = Row<double, all>::of(0);
    for (int64_t start = lo; start < hi; start += tile) {
        const int64_t n = least(tile, hi - start);
        if (!in_order(v, start, start + n, k)) return Status::out_of_range;
        const int64_t jump = v.task_ptr[start + n] + ahead <= v.n_answers ? ahead : 0;
        for (int64_t t = 0; t < n; t++)
            for (int m = 0; m < M; m++)
                get<W>(pass.own[m] + (start + t) * k, k, pass.own[m] + hi * k, index,
                       before + t * all + m * W);
        for (int64_t t = 0; t < n; t++) {
            const int64_t i = start + t, first = v.task_ptr[i], size = v.task_ptr[i + 1] - first;
            const int32_t* const pair = v.pair + first;
            const double* const weight = v.weight ? v.weight + first : nullptr;
            Real* const at = z + t * all;
            const double* const was = before + t * all;
            if (v.gold[i] >= 0) {
                for (int c = 0; c < all; c++)
                    at[c] = c % W == v.gold[i] ? Real(0) : Real(nothing);
                continue;
            }
            for (int64_t a = 0; far && a < size; a++) {
                const Real* const later = rows + int64_t(pair[a + jump]) * 2 * all;
                for (int c = 0; c < 2 * all; c += 64 / int(sizeof(Real)))
                    __builtin_prefetch(later + c);
                for (int c = 0; counts && c < all; c += 8)
                    __builtin_prefetch(counts + int64_t(pair[a]) * all + c, 1);
            }
            if (sizeof(Real) < sizeof(double) && size > most_in_single) {
                const auto own = Row<double, all>::at(was);
                score_of<Real, double, all>(prior, own, rows, pair, weight, size).put(share);
                for (int m = 0; m < M; m++) {
                    auto row = Row<double, W>::at(share + m * W);
                    row -= row.largest();
                    row.put(share + m * W);
                }
                Row<Real, all>::from(share).put(at);
            } else {
                const auto own = Row<Real, all>::from(was);
                score_of<Real, Real, all>(short_prior, own, rows, pair, weight, size).put(at);
                for (int m = 0; m < M; m++) {
                    auto row = Row<Real, W>::at(at + m * W);
                    row -= row.largest();
                    row.put(at + m * W);
                }
            }
        }
        exp_all(z, n * all);
        // What is written in parts is read whole later: a processor waits for such rows.
        for (int64_t t = 0; t < n; t++)
            for (int m = 0; m < M; m++) {
                auto row = Row<double, W>::from(z + t * all + m * W);
                row *= 1.0 / row.sum();
                row.put(after + t * all + m * W);
            }
        for (int64_t t = 0; t < n; t++) {
            const int64_t i = start + t;
            for (int m = 0; m < M; m++) {
                const double* const row = after + t * all + m * W;
                double* const to = sums.posterior[m] + i * k;
                if (t + 1 < n) {  // what is past the row is of the next task, and set then
                    Row<double, W>::at(row).put(to);
                } else {
                    for (int64_t c = 0; c < k; c++) to[c] = row[c];
                }
            }
            if (v.task_ptr[i + 1] == v.task_ptr[i] && v.gold[i] < 0) continue;
            const auto row = Row<double, all>::at(after + t * all);
            const auto own = Row<double, all>::at(before + t * all);
            mass += row;
            for (int c = 0; c < Row<double, all>::n; c++) {
                const auto gap = row.v[c] - own.v[c];
                change.v[c] += larger(gap, -gap);
            }
        }
        if (!counts) continue;
        const auto count = [&](int64_t a, const Row<double, all>& row) {
            double* const to = counts + int64_t(v.pair[a]) * all;
            (Row<double, all>::at(to) + (v.weight ? row * v.weight[a] : row)).put(to);
        };
        if constexpr (all > 16) {  // too wide to be read again for each answer
            for (int64_t t = 0; t < n; t++) {
                const auto row = Row<double, all>::at(after + t * all);
                for (int64_t a = v.task_ptr[start + t]; a < v.task_ptr[start + t + 1]; a++)
                    count(a, row);
            }
        } else {
            each_answer(v.task_ptr + start, n, [&](int64_t a, int64_t t) {
                count(a, Row<double, all>::at(after + t * all));
            });
        }
    }
    mass.put(share);
    for (int m = 0; m < M; m++)
        for (int64_t c = 0; c < k; c++) sums.mass[m * k + c] += share[m * W + c];
    change.put(share);
    for (int m = 0; m < M; m++)
        sums.change[m] = Row<double, W>::at(share + m * W).sum() / 2;
    return Status::fine;
}

// Rows of many classes, in pieces of 8.
template <class Real> Status em_wide(const ApartPass& pass, int64_t lo, int64_t hi, ApartSums& sums) {
    const Votes& v = pass.votes;
    const Real* const rows = static_cast<const Real*>(pass.rows);
    const int64_t k = pass.k, w = apart_width(k);
    Room z_room((w + lanes<Real>) * int64_t(sizeof(Real))), exact_room(w * 8), slope_room(w * 8);
    Real* const z = static_cast<Real*>(z_room.at);  // exponentials are of whole registers
    double* const exact = static_cast<double*>(exact_room.at);
    double* const slope = static_cast<double*>(slope_room.at);
    if (!z || !exact || !slope) return Status::no_memory;
    double change = 0;
    for (int64_t i = lo; i < hi; i++) {
        if (!in_order(v, i, i + 1, k)) return Status::out_of_range;
        const int64_t first = v.task_ptr[i], last = v.task_ptr[i + 1];
        double* const posterior = sums.posterior[0] + i * k;
        const double* const own = pass.own[0] + i * k;
        if (v.gold[i] >= 0) {
            for (int64_t c = 0; c < k; c++) exact[c] = c == v.gold[i] ? 1.0 : 0.0;
        } else {
            for (int64_t c = 0; c < w; c++) exact[c] = c < k ? pass.log_prior[c] : nothing;
            for (int64_t c = 0; c < w; c++) slope[c] = 0;
            for (int64_t a = first; a < last; a++) {
                const Real* __restrict row = rows + int64_t(v.pair[a]) * 2 * w;
                const double by = v.weight ? v.weight[a] : 1.0, less = by < 1 ? by * by : by;
                for (int64_t c = 0; c < w; c++) exact[c] += by * double(row[c]);
                for (int64_t c = 0; c < w; c++) slope[c] += less * double(row[w + c]);
            }
            for (int64_t c = 0; c < k; c++) exact[c] += slope[c] * own[c];
            double top = exact[0];
            for (int64_t c = 1; c < k; c++) top = larger(top, exact[c]);
            for (int64_t c = 0; c < w; c++) z[c] = Real(exact[c] - top);
            for (int64_t c = w; c < w + lanes<Real>; c++) z[c] = 0;
            exp_all(z, w);
            auto parts = Row<double, 8>::of(0);
            for (int64_t c = 0; c < w; c += 8) parts += Row<double, 8>::from(z + c);
            const double scale = 1.0 / parts.sum();
            for (int64_t c = 0; c < k; c++) exact[c] = double(z[c]) * scale;
        }
        const bool counted = last > first || v.gold[i] >= 0;
        for (int64_t c = 0; c < k && counted; c++) {
            sums.mass[c] += exact[c];
            change += __builtin_fabs(exact[c] - own[c]);
        }
        for (int64_t a = first; a < last && sums.counts; a++) {
            double* __restrict to = sums.counts + int64_t(v.pair[a]) * w;
            const double by = v.weight ? v.weight[a] : 1.0;
            for (int64_t c = 0; c < k; c++) to[c] += by * exact[c];
        }
        for (int64_t c = 0; c < k; c++) posterior[c] = exact[c];
    }
    sums.change[0] = change / 2;
    return Status::fine;
}

template <class Real> Status em_of(const ApartPass& pass, int64_t lo, int64_t hi, ApartSums& sums) {
    return by_width(
        pass.k,
        [&](auto width) {
            constexpr int w = decltype(width)::value;
            return pass.n_models == 1 ? em_rows<Real, w, 1>(pass, lo, hi, sums)
                                      : em_rows<Real, w, 2>(pass, lo, hi, sums);
        },
        [&] { return em_wide<Real>(pass, lo, hi, sums); });
}

Status em(const ApartPass& pass, int64_t lo, int64_t hi, ApartSums& sums) {
    return pass.single ? em_of<float>(pass, lo, hi, sums) : em_of<double>(pass, lo, hi, sums);
}

template <class Real>
PEERANNOT_INLINE void lay_out_as(const double* table, const double* slope, int64_t n_pairs,
                                 int64_t lo, int64_t hi, int64_t k, int64_t n_models, Real* to) {
    const int64_t w = apart_width(k), all = n_models * w;
    for (int64_t p = lo; p < hi; p++)
        for (int64_t m = 0; m < n_models; m++) {
            Real* const at = to + p * 2 * all + m * w;
            const int64_t from = (m * n_pairs + p) * k;
            for (int64_t c = 0; c < k; c++) at[c] = Real(table[from + c]);
            for (int64_t c = 0; c < k; c++) at[all + c] = Real(slope[from + c]);
            for (int64_t c = k; c < w; c++) at[c] = at[all + c] = Real(0);
        }
}

void lay_out(const double* table, const double* slope, int64_t n_pairs, int64_t lo, int64_t hi,
             int64_t k, int64_t n_models, bool single, void* to) {
    if (single)
        lay_out_as(table, slope, n_pairs, lo, hi, k, n_models, static_cast<float*>(to));
    else
        lay_out_as(table, slope, n_pairs, lo, hi, k, n_models, static_cast<double*>(to));
}

void add_up(const double* blocks, int64_t n_blocks, int64_t n_pairs, int64_t k, int64_t n_models,
            int64_t lo, int64_t hi, double* counts) {
    const int64_t w = apart_width(k), all = n_models * w;
    for (int64_t m = 0; m < n_models; m++)
        add_rows(blocks + m * w, n_blocks, n_pairs, k, all, lo, hi, counts + m * n_pairs * k);
}

// What an answer adds, and how it is counted.
struct ApartBonus {
    const ApartCoinPass& pass;
    ApartCoinSums& sums;
    double change = 0;

    // Ask for what the unit of a later answer needs.
    PEERANNOT_INLINE void ask(int64_t a) const {
        if (pass.n_units <= cached_units || a + ahead >= pass.votes.n_answers) return;
        const int64_t later = pass.unit[a + ahead];
        __builtin_prefetch(pass.votes.weight ? pass.bonus + 3 * later : pass.line + 2 * later);
        __builtin_prefetch(sums.right + later, 1);
    }
    PEERANNOT_INLINE double said(int64_t a) const {
        if (!pass.votes.weight) {
            const double* const line = pass.line + int64_t(pass.unit[a]) * 2;
            return line[0] + pass.own[a] * line[1];
        }
        const double* const b = pass.bonus + int64_t(pass.unit[a]) * 3;
        const double w = pass.votes.weight[a];
        return w * (b[0] + (w < 1 ? w : 1.0) * (b[1] + pass.own[a] * (b[2] - b[1])));
    }
    PEERANNOT_INLINE void count(int64_t a, double z) {
        const double w = weight_of(pass.votes, a);
        sums.right[pass.unit[a]] += w * z;
        change += w * __builtin_fabs(z - pass.own[a]);
        sums.own[a] = z;
    }
};

// Of few classes: a row of the tile for each, a column for each of its tasks.
Status coin_rows(const ApartCoinPass& pass, int64_t lo, int64_t hi, ApartCoinSums& sums) {
    constexpr int64_t width = tile_tasks;
    const int64_t k = pass.k;
    alignas(64) double z[most_in_registers * width], top[width], total[width], met[width];
    if (!are_runs(pass.votes.ptr, lo, hi, pass.votes.n_answers)) return Status::out_of_range;
    ApartBonus bonus{pass, sums};
    for (int64_t begin = lo; begin < hi; begin += width) {
        const ClassTile<ApartCoinPass> tile(pass, begin, hi);
        if (!tile.is_fine) return Status::out_of_range;
        tile.fill(pass.log_prior, z);
        tile.mark(met);
        tile.each_answer([&](int64_t a, int64_t at) {
            bonus.ask(a);
            z[at] += bonus.said(a);
        });
        tile.clamp(z, 2 * nothing);
        tile.exponentials(z, top);
        tile.sum(z, total);
        for (int64_t t = 0; t < width; t++) total[t] = 1 / total[t];
        for (int64_t c = 0; c < k; c++) {
            for (int64_t t = 0; t < width; t++) z[c * width + t] *= total[t];
            sums.mass[c] += sum_where(z + c * width, met);
        }
        tile.each_answer([&](int64_t a, int64_t at) { bonus.count(a, z[at]); });
        tile.write(z, sums.posterior);
    }
    sums.change = bonus.change;
    return Status::fine;
}

Status coin_slots(const ApartCoinPass& pass, int64_t lo, int64_t hi, ApartCoinSums& sums) {
    NoLikelihood gain;
    ApartBonus bonus{pass, sums};
    const Status status = over_slots(pass, lo, hi, sums, bonus, gain);
    sums.change = bonus.change;
    return status;
}

Status coin(const ApartCoinPass& pass, int64_t lo, int64_t hi, ApartCoinSums& sums) {
    const bool few = pass.k <= most_in_registers && !sums.share;
    return few ? coin_rows(pass, lo, hi, sums) : coin_slots(pass, lo, hi, sums);
}

}  // namespace

extern const ApartLoops apart;
const ApartLoops apart{lay_out, em, add_up, coin};

}  // namespace peerannot::PEERANNOT_ISA
