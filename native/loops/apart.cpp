// As the passes of confusion.cpp and coin.cpp, with what a task's own answers are left out by.
#include "apart.hpp"

#include "coin_passes.hpp"
#include "exp.hpp"
#include "slot_tiles.hpp"
#include "votes_rows.hpp"

namespace peerannot::PEERANNOT_ISA {
namespace {

using V = Vector<double, lanes<double>>;
constexpr int ahead = 24;           // answers ahead of which rows are asked for
constexpr int64_t near = 1 << 20;   // bytes of tables that are near enough not to be asked for

// Log-probabilities of a task: `own` are its probabilities, by which slopes count.
template <class Real, class Sum, int W>
PEERANNOT_INLINE Row<Sum, W> score_of(Row<Sum, W> z, const Row<Sum, W>& own, const Real* rows,
                                      const int32_t* pair, const double* weight, int64_t n) {
    auto slope = Row<Sum, W>::of(0);
    for (int64_t a = 0; a < n; a++) {
        const Real* const at = rows + int64_t(pair[a]) * 2 * W;
        if (weight) {
            const double w = weight[a];
            z += Row<Sum, W>::from(at) * Sum(w);
            slope += Row<Sum, W>::from(at + W) * Sum(w < 1 ? w * w : w);
        } else {
            z += Row<Sum, W>::from(at);
            slope += Row<Sum, W>::from(at + W);
        }
    }
    for (int i = 0; i < Row<Sum, W>::n; i++) z.v[i] += slope.v[i] * own.v[i];
    return z;
}

template <class Real, int W>
Status em_rows(const ApartPass& pass, int64_t lo, int64_t hi, ApartSums& sums) {
    constexpr int tile = W >= 8 ? 16 : 32;
    const Votes v = pass.votes;
    const Real* const rows = static_cast<const Real*>(pass.rows);
    double* const counts = sums.counts;
    const int64_t k = pass.k;
    const bool far = v.n_pairs * W * int64_t(2 * sizeof(Real) + sizeof(double)) > near;
    alignas(64) double share[W], before[W] = {};
    for (int c = 0; c < W; c++) share[c] = c < k ? pass.log_prior[c] : nothing;
    const auto prior = Row<double, W>::at(share);
    const auto short_prior = Row<Real, W>::from(share);
    alignas(64) Real z[tile * W] = {};
    auto mass = Row<double, W>::of(0), change = Row<double, W>::of(0);
    for (int64_t start = lo; start < hi; start += tile) {
        const int64_t n = least(tile, hi - start);
        if (!in_order(v, start, start + n, k)) return Status::out_of_range;
        const int64_t jump = v.task_ptr[start + n] + ahead <= v.n_answers ? ahead : 0;
        for (int64_t t = 0; t < n; t++) {
            const int64_t i = start + t, first = v.task_ptr[i], size = v.task_ptr[i + 1] - first;
            const int32_t* const pair = v.pair + first;
            const double* const weight = v.weight ? v.weight + first : nullptr;
            Real* const at = z + t * W;
            if (v.gold[i] >= 0) {
                for (int c = 0; c < W; c++) at[c] = c == v.gold[i] ? Real(0) : Real(nothing);
                continue;
            }
            for (int64_t a = 0; far && a < size; a++) {
                const Real* const later = rows + int64_t(pair[a + jump]) * 2 * W;
                for (int c = 0; c < 2 * W; c += 64 / int(sizeof(Real)))
                    __builtin_prefetch(later + c);
                for (int c = 0; counts && c < W; c += 8)
                    __builtin_prefetch(counts + int64_t(pair[a]) * W + c, 1);
            }
            for (int64_t c = 0; c < k; c++) before[c] = pass.own[i * k + c];
            if (sizeof(Real) < sizeof(double) && size > most_in_single) {
                const auto own = Row<double, W>::at(before);
                auto row = score_of<Real, double, W>(prior, own, rows, pair, weight, size);
                row -= row.largest();
                row.put(share);
                Row<Real, W>::from(share).put(at);
            } else {
                const auto own = Row<Real, W>::from(before);
                auto row = score_of<Real, Real, W>(short_prior, own, rows, pair, weight, size);
                row -= row.largest();
                row.put(at);
            }
        }
        exp_all(z, n * W);
        for (int64_t t = 0; t < n; t++) {
            const int64_t i = start + t, first = v.task_ptr[i], size = v.task_ptr[i + 1] - first;
            const int32_t* const pair = v.pair + first;
            auto row = Row<double, W>::from(z + t * W);
            row *= 1.0 / row.sum();
            row.put(share);
            for (int64_t c = 0; c < k; c++) before[c] = pass.own[i * k + c];
            for (int64_t c = 0; c < k; c++) sums.posterior[i * k + c] = share[c];
            if (size == 0 && v.gold[i] < 0) continue;
            mass += row;
            const auto own = Row<double, W>::at(before);
            for (int c = 0; c < Row<double, W>::n; c++) {
                const auto gap = row.v[c] - own.v[c];
                change.v[c] += larger(gap, -gap);
            }
            if (!counts) continue;
            for (int64_t a = 0; a < size; a++) {
                double* const to = counts + int64_t(pair[a]) * W;
                const double w = v.weight ? v.weight[first + a] : 1.0;
                (Row<double, W>::at(to) + row * w).put(to);
            }
        }
    }
    mass.put(share);
    for (int64_t c = 0; c < k; c++) sums.mass[c] += share[c];
    sums.change = change.sum() / 2;
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
        double* const posterior = sums.posterior + i * k;
        const double* const own = pass.own + i * k;
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
    sums.change = change / 2;
    return Status::fine;
}

template <class Real> Status em_of(const ApartPass& pass, int64_t lo, int64_t hi, ApartSums& sums) {
    return by_width(
        pass.k,
        [&](auto width) { return em_rows<Real, decltype(width)::value>(pass, lo, hi, sums); },
        [&] { return em_wide<Real>(pass, lo, hi, sums); });
}

Status em(const ApartPass& pass, int64_t lo, int64_t hi, ApartSums& sums) {
    return pass.single ? em_of<float>(pass, lo, hi, sums) : em_of<double>(pass, lo, hi, sums);
}

template <class Real>
PEERANNOT_INLINE void lay_out_as(const double* table, const double* slope, int64_t lo, int64_t hi,
                                 int64_t k, Real* to) {
    const int64_t w = apart_width(k);
    for (int64_t p = lo; p < hi; p++) {
        Real* const at = to + p * 2 * w;
        for (int64_t c = 0; c < k; c++) at[c] = Real(table[p * k + c]);
        for (int64_t c = 0; c < k; c++) at[w + c] = Real(slope[p * k + c]);
        for (int64_t c = k; c < w; c++) at[c] = at[w + c] = Real(0);
    }
}

void lay_out(const double* table, const double* slope, int64_t lo, int64_t hi, int64_t k,
             bool single, void* to) {
    if (single)
        lay_out_as(table, slope, lo, hi, k, static_cast<float*>(to));
    else
        lay_out_as(table, slope, lo, hi, k, static_cast<double*>(to));
}

void add_up(const double* blocks, int64_t n_blocks, int64_t n_pairs, int64_t k, int64_t lo,
            int64_t hi, double* counts) {
    add_rows(blocks, n_blocks, n_pairs, k, apart_width(k), lo, hi, counts);
}

// What an answer adds, and how it is counted.
struct ApartBonus {
    const ApartCoinPass& pass;
    ApartCoinSums& sums;
    double change = 0;

    PEERANNOT_INLINE void ask(int64_t) const {}
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
        tile.each_answer([&](int64_t a, int64_t at) { z[at] += bonus.said(a); });
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
