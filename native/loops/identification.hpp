// Loops of worker cards and copied pairs; twins: tests/native/twins/identification.py.
#pragma once

#include <cstdint>

#include "status.hpp"
#include "worker_votes.hpp"

namespace peerannot {

// Confusion matrices (n_workers, k, k) and their logarithms.
struct Confusions {
    const double *confusion, *log_confusion;
    int64_t k;
};

// Of each pair: answers in common that agree, how many are expected to, and the logarithm of the
// likelihood ratio for each share of copied answers.
struct PairEvidence {
    const double* share;
    int64_t n_shares;
    int64_t* agreements;
    double *expected, *log_ratio;
};

struct IdentificationLoops {
    // Log-probabilities (n_tasks, k) of the classes of tasks lo..hi and their answers.
    void (*scores)(const WorkerVotes&, const Confusions&, const double* log_prior, int64_t lo,
                   int64_t hi, double* score);
    // Pairs whose first worker is one of lo..hi.
    Status (*evidence)(const WorkerVotes&, const PairRows&, const Confusions&, const double* score,
                       int64_t lo, int64_t hi, const PairEvidence&);
    // Of answers in runs ptr[j]..ptr[j + 1] of workers lo..hi: the longest run of one label, how
    // often a label repeats the one before, and mean and variance of that if labels are independent.
    Status (*repeats)(const int64_t* ptr, const int32_t* task, const int32_t* label, int64_t n,
                      const double* posterior, int64_t n_tasks, const double* confusion, int64_t k,
                      int64_t lo, int64_t hi, int64_t* longest, int64_t* repeats, double* expected,
                      double* spread);
};

}  // namespace peerannot
