// Loops of simulated crowds: who answers which task, and what; random numbers come in as arrays.
// Twins: tests/native/twins/simulation.py.
#pragma once

#include <cstdint>

#include "status.hpp"

namespace peerannot {

// Answers wanted of each task, and of each worker at most; `uniform` in [0, 1) has one an answer.
struct Demand {
    const int64_t* wanted;
    int64_t n_tasks, n_workers, load;
    const double* uniform;
    int64_t n;
};

// Workers of each task, ascending, and how many: fewer than wanted where few had load left.
struct Assigned {
    int32_t* worker;
    int64_t* got;
    int64_t n;
};

struct SimulationLoops {
    // Uniformly without replacement among those with load left; `pool` and `left` (n_workers,) are
    // work room.
    Status (*uniform)(const Demand&, int32_t* pool, int64_t* left, Assigned&);
    // Each next worker in proportion to the weights still there; `tree` (2 * size,) is work room,
    // size the least power of two that is no less than n_workers.
    Status (*weighted)(const Demand&, const double* weight, double* tree, int64_t size,
                       int64_t* left, Assigned&);
    // Labels of answers lo..hi from row (worker, truth) of cumulated confusion matrices.
    Status (*labels)(const double* cumulated, int64_t n_workers, int64_t n_true, int64_t k,
                     const int32_t* worker, const int64_t* truth, const double* uniform,
                     int64_t lo, int64_t hi, int32_t* label);
};

}  // namespace peerannot
