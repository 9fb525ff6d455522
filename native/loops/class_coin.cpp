// Passes where a unit is a worker who meets a class in a task, part of the coin family.
#include "class_coin.hpp"

#include <cmath>

#include "exp.hpp"
#include "slot_tiles.hpp"

namespace peerannot::PEERANNOT_ISA {
namespace {

// Whether the entries of tasks lo..hi are runs, as long as answers times slots.
PEERANNOT_INLINE bool are_entries(const SlotVotes& v, const int64_t* entry, int64_t n_entries,
                                  int64_t lo, int64_t hi) {
    if (!are_runs(entry, lo, hi, n_entries)) return false;
    bool fine = true;
    for (int64_t i = lo; i < hi; i++)
        fine &= entry[i + 1] - entry[i] == (v.ptr[i + 1] - v.ptr[i]) * v.size[i];
    return fine;
}

}  // namespace

Status entries(const SlotVotes& v, const int32_t* worker, const int64_t* entry, int64_t n_entries,
               int64_t k, int64_t lo, int64_t hi, int64_t* code) {
    if (longest_tile(v, lo, hi) < 0) return Status::out_of_range;
    for (int64_t i = lo; i < hi; i++) {
        if (!are_slots(v, i, i + 1, k) || !are_entries(v, entry, n_entries, i, i + 1))
            return Status::out_of_range;
        int64_t e = entry[i];
        for (int64_t a = v.ptr[i]; a < v.ptr[i + 1]; a++)
            for (int64_t s = v.ptr[i]; s < v.ptr[i] + v.size[i]; s++)
                code[e++] = worker[a] * k + v.label[s];
    }
    return Status::fine;
}

Status class_step(const ClassCoinPass& pass, int64_t lo, int64_t hi, ClassCoinSums& sums) {
    const SlotVotes& v = pass.votes;
    const int64_t k = pass.k, longest = longest_tile(v, lo, hi);
    if (longest < 0) return Status::out_of_range;
    TileRoom room(1, longest);
    if (!room.has_memory()) return Status::no_memory;
    double* score = room[0];
    double gain = 0, product = 1;
    for (int64_t begin = lo, end; begin < hi; begin = end) {
        end = begin + tile_of(v, begin, hi);
        const int64_t from = pass.entry[begin];
        if (!are_slots(v, begin, end, k) ||
            !are_entries(v, pass.entry, pass.n_entries, begin, end) ||
            !all_below(pass.unit + from, pass.entry[end] - from, pass.n_units))
            return Status::out_of_range;
        double* at = score;
        for (int64_t i = begin; i < end; i++) {
            const int64_t first = v.ptr[i], last = v.ptr[i + 1], n = v.size[i], known = v.gold[i];
            const int32_t* u = pass.unit + pass.entry[i];
            for (int64_t s = 0; s < n; s++) at[s] = pass.log_prior[v.label[first + s]];
            for (int64_t a = first; a < last && !pass.given; a++, u += n) {
                for (int64_t s = 0; s < n; s++)
                    at[s] += weight_of(v, a) * (v.slot[a] == s ? pass.hit : pass.miss)[u[s]];
            }
            if (known >= 0) {
                for (int64_t s = 0; s < n; s++) {
                    const bool is_known = v.label[first + s] == known;
                    gain += is_known && !pass.given ? at[s] : 0;
                    at[s] = is_known ? 0 : nothing;
                }
            } else if (n > 0) {
                double top = at[0];
                for (int64_t s = 1; s < n; s++) top = larger(top, at[s]);
                for (int64_t s = 0; s < n; s++) at[s] -= top;
                gain += pass.given ? 0 : top;
            }
            at += n;
        }
        exp_all(score, at - score);
        at = score;
        for (int64_t i = begin; i < end; i++) {
            const int64_t first = v.ptr[i], last = v.ptr[i + 1], n = v.size[i], known = v.gold[i];
            double* share = sums.share + first;
            const int32_t* u = pass.unit + pass.entry[i];
            double total = known >= 0 ? 1 : 0;
            if (known < 0 && n > 0) {
                for (int64_t s = 0; s < n; s++) total += at[s];
                product *= pass.given ? 1 : total;
                if (!(product < 1e200)) {
                    gain += std::log(product);
                    product = 1;
                }
            }
            for (int64_t s = 0; s < n; s++) {
                if (known >= 0 || !pass.given) share[s] = at[s] / total;
                sums.mass[v.label[first + s]] += share[s];
            }
            for (int64_t a = first; a < last; a++, u += n) {
                for (int64_t s = 0; s < n; s++) {
                    const double z = weight_of(v, a) * share[s];
                    sums.met[u[s]] += z;
                    if (v.slot[a] == s) sums.right[u[s]] += z;
                }
            }
            at += n;
        }
    }
    sums.gain = gain + std::log(product);
    return Status::fine;
}

}  // namespace peerannot::PEERANNOT_ISA
