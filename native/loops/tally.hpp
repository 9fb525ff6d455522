// Scores of the labels of one task, and which of them is best.
#pragma once

#include "room.hpp"
#include "vectors.hpp"

namespace peerannot::PEERANNOT_ISA {

// TIE of peerannot.aggregation.passes.ties.
constexpr double tie = 1e-9;

struct Best {
    int64_t chosen;  // place of one of the best scores, -1 where there is none
    double floor;    // least score that counts as best
    int64_t tied;    // how many do
};

// One of the best of n scores, none negative, by a draw in [0, 1): 0 takes the first.
PEERANNOT_INLINE Best drawn_best(const double* score, int64_t n, double draw) {
    double best = 0;
    for (int64_t s = 0; s < n; s++) best = score[s] > best ? score[s] : best;
    const double floor = best - tie * best;
    int64_t tied = 0;
    for (int64_t s = 0; s < n; s++) tied += score[s] >= floor;
    const double place = draw * double(tied);
    int64_t nth = place < double(tied) ? (place > 0 ? int64_t(place) : 0) : tied - 1;
    for (int64_t s = 0; s < n; s++)
        if (score[s] >= floor && nth-- == 0) return {s, floor, tied};
    return {-1, floor, tied};
}

// The labels that a task received and their scores, in order of label, of any number of classes.
class Tally {
public:
    explicit Tally(int64_t k)
        : k_(k), sum_(k * 8), score_(k * 8), round_of_(k * 8), label_(k * 4) {
        sum = static_cast<double*>(sum_.at);
        score = static_cast<double*>(score_.at);
        round_of = static_cast<int64_t*>(round_of_.at);
        label = static_cast<int32_t*>(label_.at);
        if (round_of)
            for (int64_t c = 0; c < k; c++) round_of[c] = 0;
    }
    bool has_memory() const { return sum && score && round_of && label; }

    PEERANNOT_INLINE void begin() {
        round++;
        n = 0;
    }
    PEERANNOT_INLINE void add(int32_t y, double weight) {
        if (round_of[y] != round) {
            round_of[y] = round;
            sum[y] = 0;
            label[n++] = y;
        }
        sum[y] += weight;
    }
    PEERANNOT_INLINE bool has(int32_t y) const { return round_of[y] == round; }
    // Least score that counts as best, and how many do.
    PEERANNOT_INLINE double best(int64_t& tied) const {
        double most = 0;
        for (int64_t s = 0; s < n; s++) most = sum[label[s]] > most ? sum[label[s]] : most;
        const double floor = most - tie * most;
        tied = 0;
        for (int64_t s = 0; s < n; s++) tied += sum[label[s]] >= floor;
        return floor;
    }
    // After the last: labels in order, `score` beside them.
    PEERANNOT_INLINE void end() {
        if (n > 8 && n * n / 4 > k_) {
            n = 0;
            for (int64_t c = 0; c < k_; c++)
                if (round_of[c] == round) label[n++] = int32_t(c);
        } else {
            for (int64_t s = 1; s < n; s++) {
                const int32_t y = label[s];
                int64_t t = s;
                for (; t > 0 && label[t - 1] > y; t--) label[t] = label[t - 1];
                label[t] = y;
            }
        }
        for (int64_t s = 0; s < n; s++) score[s] = sum[label[s]];
    }

    double* sum;    // of each class that the task received
    double* score;  // (n,)
    int32_t* label;  // (n,)
    int64_t n = 0;

private:
    int64_t k_, round = 0;
    Room sum_, score_, round_of_, label_;
    int64_t* round_of;  // the last round in which a class was met
};

}  // namespace peerannot::PEERANNOT_ISA
