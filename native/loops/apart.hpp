// Passes in which no task meets its own counts; twins: tests/native/twins/apart.py.
#pragma once

#include <cstdint>

#include "coin.hpp"
#include "confusion.hpp"
#include "status.hpp"

namespace peerannot {

constexpr int most_together = 2;  // models with matrices that one pass takes

// Of models with a confusion matrix for each worker. `rows` has for each pair the rows of
// log-probabilities of the models, one after another, and then those of what they change by for
// each answer that is left out.
struct ApartPass {
    Votes votes;
    const void* rows;         // (n_pairs, 2, n_models, apart_width(k)), float where `single`
    const double* log_prior;  // (n_models, k)
    const double* own[most_together];  // (n_tasks, k) what counts are of; may be overwritten
    int64_t k, n_models;      // more than one where registers hold the rows
    bool single;
};

constexpr int64_t apart_width(int64_t k) {
    return k > most_in_registers ? (k + 7) / 8 * 8 : row_width(k);
}

struct ApartSums {
    double* counts;  // (n_pairs, n_models, apart_width(k)); may be null
    double* mass;    // (n_models, k)
    double* posterior[most_together];  // (n_tasks, k), set
    double change[most_together];  // half the sum of what the posterior of tasks differs by
};

// Of models where an answer only tells the class that it names from all others. `bonus` has for
// each unit what an answer adds by all counts, and what this changes by were one left out that is
// surely wrong, and surely right.
struct ApartCoinPass {
    SlotVotes votes;
    const int32_t* label;
    const int32_t* unit;
    const double* bonus;      // (n_units, 3)
    const double* line;       // (n_units, 2) where answers have no weight: at own 0, and its slope
    const double* prior;      // (k,)
    const double* log_prior;  // (k,)
    const double* own;        // of the label of each answer; may be overwritten
    int64_t n_units, k;
};

struct ApartCoinSums {
    double* right;      // (n_units,)
    double* mass;       // (k,)
    double* own;        // one an answer, set
    double* posterior;  // (n_tasks, k), set; may be null
    double* share;      // one a slot, with rest (n_tasks,), set; may be null
    double* rest;
    double change;  // sum of what the probabilities of labels differ by
};

struct ApartLoops {
    // The rows of pairs lo..hi as passes want them; table and slope are (n_models, n_pairs, k).
    void (*lay_out)(const double* table, const double* slope, int64_t n_pairs, int64_t lo,
                    int64_t hi, int64_t k, int64_t n_models, bool single, void* to);
    Status (*em)(const ApartPass&, int64_t lo, int64_t hi, ApartSums&);
    // Counts (n_models, n_pairs, k) of pairs lo..hi: those of all blocks, one after another.
    void (*add_up)(const double* blocks, int64_t n_blocks, int64_t n_pairs, int64_t k,
                   int64_t n_models, int64_t lo, int64_t hi, double* counts);
    Status (*coin)(const ApartCoinPass&, int64_t lo, int64_t hi, ApartCoinSums&);
};

}  // namespace peerannot
