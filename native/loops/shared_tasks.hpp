// Loops over the answers of others for the tasks of a worker.
#pragma once

#include "vectors.hpp"
#include "worker_votes.hpp"

namespace peerannot::PEERANNOT_ISA {

// Whether no index is out of range. Loops over pairs read each answer many times, so all are
// checked before.
inline bool fit(const WorkerVotes& v) {
    bool fine = are_runs(v.task_ptr, 0, v.n_tasks, v.n) &&
                are_runs(v.worker_ptr, 0, v.n_workers, v.n) && all_below(v.task, v.n, v.n_tasks) &&
                all_below(v.worker, v.n, v.n_workers) && (!v.label || all_below(v.label, v.n, v.k));
    for (int64_t a = 0; a < v.n; a++) fine &= v.order[a] >= 0 && v.order[a] < v.n;
    return fine;
}

inline bool fit(const PairRows& pairs, int64_t n_workers) {
    return are_runs(pairs.ptr, 0, n_workers, pairs.n) &&
           all_below(pairs.second, pairs.n, n_workers);
}

// visit(row of worker j, row of anybody for the same task), in order.
template <class Visit>
PEERANNOT_INLINE void each_shared(const WorkerVotes& v, int64_t j, const Visit& visit) {
    for (int64_t at = v.worker_ptr[j]; at < v.worker_ptr[j + 1]; at++) {
        const int64_t row = v.order[at], i = v.task[row];
        for (int64_t a = v.task_ptr[i]; a < v.task_ptr[i + 1]; a++) visit(row, a);
    }
}

}  // namespace peerannot::PEERANNOT_ISA
