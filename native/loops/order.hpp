// Loops that put answers in order of task and worker; twins: tests/native/twins/order.py.
#pragma once

#include <cstdint>

#include "status.hpp"

namespace peerannot {

// What is to be put in order; `row` is null where nobody asks where an answer came from.
struct Places {
    int32_t *worker, *label;
    int64_t* row;
};

struct OrderLoops {
    // 1 where rows rise strictly by (task, worker), 0 where they rise but repeat, else -1.
    int (*state)(const int32_t* task, const int32_t* worker, int64_t n);
    // Where the rows of each key start once they are in its order, (n_keys + 1,).
    Status (*starts)(const int32_t* key, int64_t n, int64_t n_keys, int64_t* ptr);
    // Workers and labels in stable order of task; `at` (n_tasks,) has the starts and is changed.
    Status (*gather)(const int32_t* task, const int32_t* worker, const int32_t* label, int64_t n,
                     int64_t n_tasks, int64_t* at, const Places& to);
    // Stable order by worker (and label) within tasks lo..hi, few answers each.
    Status (*sort)(const int64_t* ptr, int64_t lo, int64_t hi, int64_t n, bool by_label,
                   const Places&);
    // Marks, among rows in order, of exact repeats, or of all but one of each (task, worker).
    void (*repeats)(const int32_t* task, const int32_t* worker, const int32_t* label, int64_t n,
                    bool keep_last, bool only_exact, bool* drop);
    // Distinct labels of tasks lo..hi, in order from the start of each, and the place of each
    // answer's label among them.
    Status (*distinct)(const int64_t* ptr, const int32_t* label, int64_t n, int64_t lo, int64_t hi,
                       int64_t* size, int32_t* slot, int32_t* place);
};

}  // namespace peerannot
