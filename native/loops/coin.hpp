// Loops of the models where all wrong classes of an answer are alike; twins:
// tests/native/twins/coin.py.
#pragma once

#include <cstdint>

#include "status.hpp"

namespace peerannot {

// The answers, in order of task. The distinct labels of task i are its slots, from ptr[i] on, of
// which it uses size[i]; `slot` of each answer is counted from there. `weight` is null where all
// weigh 1.
struct SlotVotes {
    const int64_t* ptr;
    const int64_t* size;
    const int32_t* label;
    const int32_t* slot;
    const double* weight;
    const int32_t* gold;
    int64_t n_tasks, n_answers;
};

// A pass of models with one bonus for each unit.
struct CoinPass {
    SlotVotes votes;
    const int32_t* label;
    const int32_t* unit;
    const double* bonus;      // (n_units,)
    const double* prior;      // (k,)
    const double* log_prior;  // (k,)
    int64_t n_units, k;
};

// What it adds to, and sets; share with rest, and posterior, may be null, and are then left.
struct CoinSums {
    double* right;      // (n_units,)
    double* mass;       // (k,)
    double* share;      // one a slot
    double* rest;       // (n_tasks,): times the prior, the posterior of a class not received
    double* posterior;  // (n_tasks, k)
    double gain;
};

// What a start by gold, else by the vote shares, adds to, and sets; own and mass may be null.
struct CoinStart {
    double* right;  // (n_units,)
    double* mass;   // (k,)
    double* own;    // one an answer: the probability of its label
    int64_t k;      // where mass is given
};

// A pass of models where a unit is a worker who meets a class in a task: `unit` has one for each
// answer and slot of its task, from entry[i] on for task i.
struct ClassCoinPass {
    SlotVotes votes;
    const int64_t* entry;
    const int32_t* unit;
    const double* hit;        // (n_units,) logarithm of being right there
    const double* miss;       // (n_units,) and of naming one other class
    const double* log_prior;  // (k,)
    int64_t n_entries, n_units, k;
    bool given;  // shares are, and are kept where no gold is known
};

struct ClassCoinSums {
    double* right;  // (n_units,)
    double* met;    // (n_units,)
    double* mass;   // (k,)
    double* share;  // one a slot
    double gain;
};

struct CoinLoops {
    Status (*start)(const SlotVotes&, const int32_t* unit, int64_t n_units, int64_t lo, int64_t hi,
                    CoinStart&);
    Status (*step)(const CoinPass&, int64_t lo, int64_t hi, CoinSums&);
    // Worker * k + class of each answer and slot of its task.
    Status (*entries)(const SlotVotes&, const int32_t* worker, const int64_t* entry,
                      int64_t n_entries, int64_t k, int64_t lo, int64_t hi, int64_t* code);
    Status (*class_step)(const ClassCoinPass&, int64_t lo, int64_t hi, ClassCoinSums&);
    // Sums lo..hi of n: those of all blocks, one after another.
    void (*add_up)(const double* blocks, int64_t n_blocks, int64_t n, int64_t lo, int64_t hi,
                   double* sums);
};

}  // namespace peerannot
