// Types of workers whose confusion matrices have Dirichlet rows; twins: tests/native/twins/types.py.
#pragma once

#include <cstdint>

#include "status.hpp"

namespace peerannot {

// Expected counts of the (worker, label) pairs, those of worker j from ptr[j] on, and the types.
// Rows of k true classes are padded to `width`, whole registers.
struct TypesOf {
    const int64_t* ptr;
    const int32_t* label;
    const double* counts;  // (n_pairs, k)
    const double* begun;   // (n_types, k, width) pseudo-answers of a label by true class, padding 1
    const double* log_gamma;  // of those, alike
    const double* digamma;
    const double* total;  // (n_types, width) sums over labels, padding 1
    int64_t n_workers, n_pairs, k, width, n_types;
};

struct TypesLoops {
    // Padding of rows of k classes.
    int64_t (*width)(int64_t k);
    // lgamma and digamma of n numbers, n whole registers.
    void (*gammas)(const double* x, int64_t n, double* log_gamma, double* digamma);
    // Of workers lo..hi: probability to be of each type, by `log_share` of the types; and where
    // `met` is not null, what the counts say of the pseudo-answers: add the sums of digamma's
    // differences to `met` (n_types, k, width) and `spent` (n_types, width).
    Status (*membership)(const TypesOf&, const double* log_share, int64_t lo, int64_t hi,
                         double* membership, double* met, double* spent);
    // Of the pairs of workers lo..hi: log-probability by true class, and what it changes by for
    // each answer that is left out of the counts, (n_pairs, k) each.
    Status (*tables)(const TypesOf&, const double* membership, int64_t lo, int64_t hi,
                     double* table, double* slope);
};

}  // namespace peerannot
