// Answers in order of task, and their rows in order of worker: what loops over pairs read.
#pragma once

#include <cstdint>

namespace peerannot {

struct WorkerVotes {
    const int64_t* task_ptr;
    const int32_t *task, *worker;
    const int32_t* label;  // null where nobody asks
    const int64_t *order, *worker_ptr;
    int64_t n_tasks, n_workers, n, k;
};

// Pairs whose first worker is j are ptr[j]..ptr[j + 1], ascending by the second.
struct PairRows {
    const int64_t* ptr;
    const int32_t* second;
    int64_t n;
};

}  // namespace peerannot
