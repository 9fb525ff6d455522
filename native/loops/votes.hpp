// Weighted votes on the labels that each task received; twins: tests/native/twins/votes.py.
#pragma once

#include <cstdint>

#include "status.hpp"

namespace peerannot {

// The answers, in order of task; each weighs by_worker[worker] * by_answer, 1 where null.
struct Ballots {
    const int64_t* task_ptr;
    const int32_t* label;
    const int32_t* worker;
    const double* by_worker;
    const double* by_answer;
    int64_t n_tasks, n_answers, n_workers;
};

struct VoteRule {
    const double* draw;  // of each task, in [0, 1); null takes the first of tied labels
    bool abstain;        // no label where some are tied
    bool hard;           // the posterior is the winners, else the shares
    bool decided;        // the winner is the label, else tied ones share
};

struct RightRule {
    const double* draw;   // as in VoteRule
    const int32_t* gold;  // known classes, -1 for unknown
    int64_t k;
    bool decided;   // of tied labels one is right, else each for its share
    bool majority;  // weights of workers settle ties of the majority, else they vote
};

struct Verdict {
    double* posterior;  // (n_tasks, k)
    int64_t k;
    int32_t* label;
    double* confidence;
    double* entropy;
};

// The distinct labels of each task, in order: slots ptr[i] .. ptr[i] + size[i] of n.
struct Slots {
    const int64_t* ptr;
    const int64_t* size;
    const int32_t* label;
    int64_t n_tasks, n;
};

// Of tasks lo..hi, or answers lo..hi in worker_sums. What has one value a slot is set on all of
// the room of a task, 0 where it is unused.
struct VotesLoops {
    Status (*vote)(const Ballots&, const VoteRule&, int64_t lo, int64_t hi, const Verdict&);
    // Weights on each slot; `slot` of each answer is counted from its task's first.
    Status (*scores)(const Ballots&, const int32_t* slot, int64_t lo, int64_t hi, double* out);
    // 1 / m on each of m tied winners; with `shares` the shares of the positive scores where there
    // are any. Classes not received, of n_classes in all, have score 0, as what is within `zero`.
    Status (*winners)(const Slots&, const double* score, int64_t n_classes, double zero,
                      bool shares, int64_t lo, int64_t hi, double* out);
    // 1 on the slot of the chosen label.
    Status (*one_hot)(const Slots&, const int32_t* chosen, int64_t lo, int64_t hi, double* out);
    // Entries of a posterior (n_tasks, k).
    Status (*values)(const Slots&, const double* posterior, int64_t k, int64_t lo, int64_t hi,
                     double* out);
    // Add the value on each answer's slot to the sum of its worker.
    Status (*worker_sums)(const Slots&, const int32_t* slot, const int32_t* task,
                          const int32_t* worker, const double* weight, const double* value,
                          int64_t n_workers, int64_t lo, int64_t hi, double* sums);
    // Add the weights of answers that win the vote on their task to the sums of their workers.
    Status (*right)(const Ballots&, const RightRule&, int64_t lo, int64_t hi, double* sums);
    // Share of the winner, and entropy of the shares.
    Status (*confidence)(const Slots&, const double* share, const double* winner, int64_t lo,
                         int64_t hi, double* confidence, double* entropy);
    // Rows of the shares; rest[i] * prior[c] for classes not received, or 0 where it is null.
    Status (*dense)(const Slots&, const double* share, const double* rest, const double* prior,
                    int64_t k, int64_t lo, int64_t hi, double* out);
    // Label of each row of scores, -1 for none: rows of slots, or where ptr is null of k each;
    // `label` null for places in the row.
    Status (*pick)(const Slots&, int64_t k, const double* score, const double* draw, bool abstain,
                   int64_t lo, int64_t hi, int32_t* out);
};

}  // namespace peerannot
