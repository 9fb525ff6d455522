// Loops over (worker, label) pairs: which occur, and what they say; twins: tests/native/twins/pairs.py.
#pragma once

#include <cstdint>

#include "status.hpp"

namespace peerannot {

struct PairsLoops {
    // 0 in `place` (n_workers * k) for each pair of answers lo..hi; threads may do so at once.
    Status (*mark)(const int32_t* worker, const int32_t* label, int64_t lo, int64_t hi,
                   int64_t n_workers, int64_t k, int32_t* place);
    // Numbers in place of zeros, in order; how many.
    int64_t (*number)(int64_t n_places, int32_t* place);
    // Number of the pair of each of answers lo..hi, which were marked.
    void (*find)(const int32_t* worker, const int32_t* label, int64_t lo, int64_t hi, int64_t k,
                 const int32_t* place, int32_t* of_answer);
    // Logarithms of the confusion rows of workers lo..hi, whose pairs are runs of `ptr`, from
    // counts (n_pairs, k) and pseudo-counts on the diagonal and off it: none is under that of
    // `least_probability`, and a class that a worker never met has a uniform row.
    Status (*logarithms)(const double* counts, const int64_t* ptr, const int32_t* label,
                         int64_t n_pairs, int64_t k, double diagonal, double off_diagonal,
                         double least_probability, int64_t lo, int64_t hi, double* table);
};

}  // namespace peerannot
