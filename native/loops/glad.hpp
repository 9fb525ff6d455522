// Loops of GLAD: the ability of each worker against the difficulty of each task; twins:
// tests/native/twins/glad.py.
#pragma once

#include "coin.hpp"

namespace peerannot {

// A pass; each task takes up to `steps` Newton steps, none where only the posterior is asked for.
struct GladPass {
    SlotVotes votes;
    const int32_t* worker;
    const double* given;  // one a slot: the posterior in place of that of the parameters, or null
    const double* alpha;  // (n_workers,)
    double beta_mean;
    int64_t n_workers, k, steps;
};

// What a worker's answers say of alpha: rows of `GladSums`.
enum GladColumn { glad_gradient, glad_curvature, glad_reach, glad_columns = 4 };

// With steps, `beta` moves and workers get gradient, curvature and the largest easiness met, at
// the new beta. Without, share and rest are set (rest: the posterior of each class that a task
// did not receive), and the first column gets expected right answers.
struct GladSums {
    double* workers;  // (n_workers, glad_columns)
    double* beta;     // (n_tasks,)
    double* share;    // one a slot
    double* rest;     // (n_tasks,)
    double gain;      // log-likelihood and log-prior of beta before the steps
};

struct GladLoops {
    Status (*step)(const GladPass&, int64_t lo, int64_t hi, GladSums&);
    // Rows of workers lo..hi of all blocks together as three arrays, (3, n_workers).
    void (*add_up)(const double* blocks, int64_t n_blocks, int64_t n_workers, int64_t lo,
                   int64_t hi, double* sums);
};

}  // namespace peerannot
