// LA, which reads tasks one after another; twin: tests/native/twins/stream.py.
#pragma once

#include <cstdint>

#include "status.hpp"

namespace peerannot {

struct Stream {
    const int64_t* order;  // tasks to read
    const int64_t* task_ptr;
    const int32_t* label;
    const int32_t* worker;
    const double* weight;  // null where all weigh 1
    const int32_t* gold;
    const double* draw;  // null takes the first of tied labels
    const bool* fresh;   // null where all answers are; others keep their credit, and count no more
    int64_t n_read, n_tasks, n_answers, n_workers, k;
    bool one;  // the label drawn is right, else tied ones are, each for its share
};

struct StreamLoops {
    // credit: what each answer counts, the skill of its worker when it was read. hit: whether it
    // was right; may be null. Right and seen of each worker go on from what they are.
    Status (*read)(const Stream&, double* credit, double* hit, double* right, double* seen);
};

}  // namespace peerannot
