// Loops of Pl@ntNet, KOS, BWA and M-MSR; twins: tests/native/twins/reliability.py.
#pragma once

#include <cstdint>

#include "status.hpp"
#include "votes.hpp"

namespace peerannot {

// A sweep of normalised BWA; `gold` has known classes, -1 for unknown.
struct Sweep {
    Ballots ballots;
    const int32_t* gold;
    const double* precision;  // (n_workers, k)
    const double* mean;       // (k,)
    const double* given;      // (n_tasks, k) scores, or null: those of the precisions
    double pull;
    int64_t k;
};

struct SweepSums {
    double* wrong;   // (n_workers, k) squared errors of answers as numbers 0 and 1; may be null
    double* mass;    // (k,) scores of tasks with answers
    double* scores;  // (n_tasks, k), set; may be null
};

struct ReliabilityLoops {
    // Pl@ntNet: score of the winner of tasks lo..hi, and the sum of their scores, to which
    // `against` is added where the AI says another label (ai_label >= 0).
    Status (*support)(const Slots&, const double* score, const double* winner,
                      const int32_t* ai_label, double against, int64_t lo, int64_t hi,
                      double* conf, double* total);
    // Of each pair (worker, label): 2 where an answer got a right slot as author of a valid task,
    // 1 where it got one otherwise, else 0.
    Status (*seen)(const Slots&, const int32_t* slot, const int32_t* task, const int32_t* pair,
                   const bool* authored, const bool* valid, const bool* right, int64_t n_pairs,
                   int8_t* out);
    // KOS: what tasks lo..hi say to the worker of each answer, from the messages of the others;
    // `chance` is 1 / number of classes. Workers of ballots are not read.
    Status (*to_workers)(const Ballots&, const int32_t* slot, const double* message,
                         double chance, int64_t lo, int64_t hi, double* out);
    // BWA: add the squared errors of answers lo..hi as numbers 0 and 1, of class c, to the sums of
    // their workers.
    Status (*errors)(const Ballots&, const int32_t* task, const double* score, int64_t c,
                     int64_t lo, int64_t hi, double* sums);
    // Scores of tasks lo..hi for class c: `pull` is the precision of the prior, `mean` its mean.
    Status (*averages)(const Ballots&, int64_t c, double pull, double mean, int64_t lo, int64_t hi,
                       double* out);
    // Normalised BWA: scores of tasks lo..hi, and sums of them and of what workers err by.
    Status (*sweep)(const Sweep&, int64_t lo, int64_t hi, SweepSums&);
    // M-MSR: sums over tasks of products of the weights of two workers' answers, (n_workers,
    // n_workers): of equal ones, and of all.
    Status (*agreements)(const Ballots&, double* agree, double* common);
    // Weighted mean of the ratios |centred| / now of workers lo..hi to others, the share `trim` of
    // those below and above the present value dropped.
    Status (*trimmed)(const double* centred, const double* common, const double* now, double trim,
                      int64_t n_workers, int64_t lo, int64_t hi, double* out);
};

}  // namespace peerannot
