#include "stream.hpp"

#include "tally.hpp"
#include "vectors.hpp"

namespace peerannot::PEERANNOT_ISA {
namespace {

constexpr int64_t ahead = 16;  // tasks ahead of which rows are asked for, which lie anywhere

PEERANNOT_INLINE void ask_for(const Stream& s, int64_t t, const double* credit) {
    if (t + 2 * ahead < s.n_read) {
        const int64_t i = s.order[t + 2 * ahead];
        if (i >= 0 && i < s.n_tasks) __builtin_prefetch(s.task_ptr + i);
    }
    if (t + ahead < s.n_read) {
        const int64_t i = s.order[t + ahead];
        if (i < 0 || i >= s.n_tasks) return;
        const int64_t a = s.task_ptr[i];
        if (a < 0 || a >= s.n_answers) return;
        __builtin_prefetch(s.label + a);
        __builtin_prefetch(s.worker + a);
        __builtin_prefetch(credit + a, 1);
        if (s.weight) __builtin_prefetch(s.weight + a);
    }
}

Status read(const Stream& s, double* credit, double* hit, double* right, double* seen) {
    Tally tally(s.k);
    if (!tally.has_memory()) return Status::no_memory;
    for (int64_t t = 0; t < s.n_read; t++) {
        ask_for(s, t, credit);
        const int64_t i = s.order[t];
        if (i < 0 || i >= s.n_tasks || !are_runs(s.task_ptr, i, i + 1, s.n_answers))
            return Status::out_of_range;
        const int64_t first = s.task_ptr[i], last = s.task_ptr[i + 1];
        if (!all_below(s.label + first, last - first, s.k) ||
            !all_below(s.worker + first, last - first, s.n_workers))
            return Status::out_of_range;
        tally.begin();
        for (int64_t a = first; a < last; a++) {
            const int32_t j = s.worker[a];
            // Without a prior the first answers are worth the same as any.
            if (!s.fresh || s.fresh[a]) credit[a] = seen[j] > 0 ? right[j] / seen[j] : 0.5;
            tally.add(s.label[a], s.weight ? s.weight[a] * credit[a] : credit[a]);
        }
        tally.end();
        const Best best = drawn_best(tally.score, tally.n, s.draw ? s.draw[i] : 0.0);
        const int32_t chosen = best.chosen < 0 ? -1 : tally.label[best.chosen];
        for (int64_t a = first; a < last; a++) {
            if (s.fresh && !s.fresh[a]) continue;
            const int32_t y = s.label[a];
            double won;
            if (s.gold[i] >= 0)
                won = y == s.gold[i];
            else if (s.one)
                won = y == chosen;
            else
                won = tally.sum[y] >= best.floor ? 1.0 / double(best.tied) : 0.0;
            const double v = s.weight ? s.weight[a] : 1.0;
            right[s.worker[a]] += v * won;
            seen[s.worker[a]] += v;
            if (hit) hit[a] = won;
        }
    }
    return Status::fine;
}

}  // namespace

extern const StreamLoops stream;
const StreamLoops stream{read};

}  // namespace peerannot::PEERANNOT_ISA
