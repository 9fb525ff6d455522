// Checks of the arrays of loops over pairs of workers.
#pragma once

#include "arrays.hpp"

namespace peerannot {

using Ints = Array<const int32_t>;
using Longs = Array<const int64_t>;

inline WorkerVotes worker_votes(const Longs& task_ptr, const Ints& task, const Ints& worker,
                                const Longs& order, const Longs& worker_ptr) {
    const int64_t n = size(task);
    require(size(task_ptr) >= 1 && size(worker_ptr) >= 1, "task_ptr, worker_ptr: at least one");
    require(size(worker) == n && size(order) == n, "task, worker, order: one an answer");
    return {task_ptr.data(), task.data(), worker.data(), nullptr, order.data(), worker_ptr.data(),
            size(task_ptr) - 1, size(worker_ptr) - 1, n, 0};
}

inline WorkerVotes worker_votes(const Longs& task_ptr, const Ints& task, const Ints& worker,
                                const Longs& order, const Longs& worker_ptr, const Ints& label,
                                int64_t k) {
    WorkerVotes votes = worker_votes(task_ptr, task, worker, order, worker_ptr);
    require(size(label) == votes.n, "label: one an answer");
    require(k >= 0 && k <= INT32_MAX, "n_classes: from 0 to 2**31 - 1");
    votes.label = label.data();
    votes.k = k;
    return votes;
}

inline PairRows pair_rows(const Longs& ptr, const Ints& second, int64_t n_workers) {
    require(size(ptr) == n_workers + 1, "ptr: one more than workers");
    return {ptr.data(), second.data(), size(second)};
}

// Blocks of workers.
inline void check_blocks(const Longs& bounds, int64_t n_workers) {
    const int64_t n = size(bounds);
    require(n >= 1 && bounds(0) == 0 && bounds(n - 1) == n_workers, "bounds: of all workers");
    for (int64_t b = 1; b < n; b++) require(bounds(b - 1) <= bounds(b), "bounds: in order");
}

inline void require_fit(const WorkerVotes& votes) {
    check(loops().agreement->votes_fit(votes) ? Status::fine : Status::out_of_range);
}

inline void require_fit(const WorkerVotes& votes, const PairRows& pairs) {
    require_fit(votes);
    check(loops().agreement->pairs_fit(pairs, votes.n_workers) ? Status::fine
                                                               : Status::out_of_range);
}

}  // namespace peerannot
