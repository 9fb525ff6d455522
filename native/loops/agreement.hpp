// Loops of agreement between workers; twins: tests/native/twins/agreement.py.
#pragma once

#include <cstdint>

#include "status.hpp"
#include "worker_votes.hpp"

namespace peerannot {

// How often tasks got each label, in sparse rows.
struct LabelCounts {
    const int64_t* ptr;
    const int32_t *label, *count;
    int64_t n_rows, n, k;
};

struct AgreementLoops {
    // Whether the arrays are in range, to be asked before the loops over pairs.
    bool (*votes_fit)(const WorkerVotes&);
    bool (*pairs_fit)(const PairRows&, int64_t n_workers);
    // How many share `least` tasks with each of workers lo..hi, who is the first of the two.
    Status (*count_pairs)(const WorkerVotes&, int64_t lo, int64_t hi, int64_t least,
                          int64_t* n_pairs);
    // Who they are, ascending, and the tasks shared; `ptr` comes from these numbers.
    Status (*fill_pairs)(const WorkerVotes&, const int64_t* ptr, int64_t n_pairs, int64_t lo,
                         int64_t hi, int64_t least, int32_t* second, int64_t* shared);
    // Answers in common that agree, and the sum over classes of products of counts.
    Status (*cohen)(const WorkerVotes&, const PairRows&, int64_t lo, int64_t hi, int64_t* agree,
                    double* chance);
    // Counts of tasks lo..hi from their answers' places among their distinct labels, which stand
    // at the start of each task in `label`.
    Status (*counts)(const int64_t* task_ptr, const int32_t* label, const int32_t* place,
                     int64_t n_answers, const int64_t* ptr, int64_t n, int64_t lo, int64_t hi,
                     int32_t* labels, int32_t* count);
    // Sums of random numbers of labels, one for each answer, modulo 2**64.
    Status (*keys)(const LabelCounts&, const uint64_t* draw, int64_t lo, int64_t hi,
                   uint64_t* key);
    // Krippendorff's coincidences (k, k), rows counted `tasks` times.
    Status (*coincidences)(const LabelCounts&, const int64_t* size, const int64_t* tasks,
                           double* matrix);
    // Sums over ordered pairs of answers of rows lo..hi of differences (k, k), or where that is
    // null, of the ratio difference between numbers (k,).
    Status (*differences)(const LabelCounts&, const double* difference, const double* number,
                          int64_t lo, int64_t hi, double* sum);
    // The sum of ratio differences over ordered pairs of classes.
    double (*ratio_margins)(const double* margin, const double* number, int64_t k);
};

}  // namespace peerannot
