// Types of workers whose confusion matrices have Dirichlet rows; twins: tests/native/twins/types.py.
#pragma once

#include <cstdint>

#include "status.hpp"

namespace peerannot {

// Expected counts of the (worker, label) pairs, those of worker j from ptr[j] on, and the types.
struct TypesOf {
    const int64_t* ptr;
    const int32_t* label;
    const double* counts;  // (n_pairs, k)
    const double* begun;   // (n_types, k, k) pseudo-answers of a label by true class
    const double* log_gamma;  // of those, alike
    const double* digamma;
    const double* total;  // (n_types, k) sums over labels
    const double* total_log_gamma;
    const double* total_digamma;
    int64_t n_workers, n_pairs, k, n_types;
};

struct TypesLoops {
    // lgamma and digamma of n numbers.
    void (*gammas)(const double* x, int64_t n, double* log_gamma, double* digamma);
    // Of workers lo..hi: probability to be of each type, by `log_share` of the types; and where
    // `met` is not null, what the counts say of the pseudo-answers: add the sums of digamma's
    // differences to `met` (n_types, k, k) and `spent` (n_types, k).
    Status (*membership)(const TypesOf&, const double* log_share, int64_t lo, int64_t hi,
                         double* membership, double* met, double* spent);
    // Of the pairs of workers lo..hi: log-probability by true class, and what it changes by for
    // each answer that is left out of the counts, (n_pairs, k) each.
    Status (*tables)(const TypesOf&, const double* membership, int64_t lo, int64_t hi,
                     double* table, double* slope);
};

}  // namespace peerannot
