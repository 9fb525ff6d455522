// Loops of the models that give each worker a confusion matrix; twins: tests/native/twins/confusion.py.
#pragma once

#include <cstdint>

#include "status.hpp"

namespace peerannot {

// Rows of up to this many classes are padded to a number that registers hold: 2, 4, 8, 12, 16.
constexpr int most_in_registers = 16;

constexpr int64_t row_width(int64_t k) {
    return k > most_in_registers ? k : k <= 2 ? 2 : k <= 4 ? 4 : (k + 3) / 4 * 4;
}

// The answers, in order of task. `weight` is null where all weigh 1.
struct Votes {
    const int64_t* task_ptr;
    const int32_t* pair;
    const double* weight;
    const int32_t* gold;
    int64_t n_tasks, n_answers, n_pairs;
};

// A pass over them. Each class has `parts` columns side by side, k in all.
struct Pass {
    Votes votes;
    const void* table;      // (n_pairs, row_width(k)), float where `single`
    const double* log_prior;  // (k,)
    int64_t k, parts;
    bool single, hard;
};

// What a pass adds to; counts and posterior may be null, and are then left.
struct Sums {
    double* counts;     // (n_pairs, row_width(k))
    double* mass;       // (k,)
    double* posterior;  // (n_tasks, k)
    double gain;
};

struct ConfusionLoops {
    // Log-probabilities of pairs lo..hi as passes want them: padded, in the precision given.
    void (*lay_out)(const double* table, int64_t lo, int64_t hi, int64_t k, bool single, void* to);
    Status (*em)(const Pass&, int64_t lo, int64_t hi, Sums&);
    // The first M-step: from gold, from `given` (n_tasks, k), or where that is null vote shares.
    Status (*start)(const Votes&, const int32_t* label, const double* given, int64_t k,
                    int64_t lo, int64_t hi, Sums&);
    // Counts of pairs lo..hi: those of all blocks, one after another.
    void (*add_up)(const double* blocks, int64_t n_blocks, int64_t n_pairs, int64_t k, int64_t lo,
                   int64_t hi, double* counts);
    // Counts of pairs lo..hi from a whole posterior, where counts are large: each is written once.
    Status (*gather)(const Votes&, const int32_t* order, const int64_t* order_ptr,
                     const int32_t* task, const double* posterior, int64_t k, int64_t lo,
                     int64_t hi, double* counts);
    // Where each code is, in order, and where those of a code start.
    Status (*positions)(const int32_t* code, int64_t n, int64_t n_codes, int32_t* order,
                        int64_t* ptr);
    // Expected counts (true, answered) of workers lo..hi.
    Status (*expected)(const int64_t* ptr, const int64_t* order, const int32_t* task,
                       const int32_t* label, const double* weight, const double* posterior,
                       int64_t n_answers, int64_t n_tasks, int64_t k, int64_t lo, int64_t hi,
                       double* out);
};

}  // namespace peerannot
