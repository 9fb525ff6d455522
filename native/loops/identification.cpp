// Sums are taken in order of answers, then of classes: results are the same bits at each
// instruction set.
#include "identification.hpp"

#include <cmath>

#include "room.hpp"
#include "shared_tasks.hpp"
#include "vectors.hpp"

namespace peerannot::PEERANNOT_ISA {
namespace {

void scores(const WorkerVotes& v, const Confusions& model, const double* log_prior, int64_t lo,
            int64_t hi, double* score) {
    const int64_t k = model.k;
    for (int64_t i = lo; i < hi; i++) {
        double* z = score + i * k;
        for (int64_t c = 0; c < k; c++) z[c] = log_prior[c];
        for (int64_t a = v.task_ptr[i]; a < v.task_ptr[i + 1]; a++) {
            const double* said = model.log_confusion + v.worker[a] * k * k + v.label[a];
            for (int64_t c = 0; c < k; c++) z[c] += said[c * k];
        }
    }
}

Status evidence(const WorkerVotes& v, const PairRows& pairs, const Confusions& model,
                const double* score, int64_t lo, int64_t hi, const PairEvidence& to) {
    const int64_t k = model.k;
    int64_t most = 0;
    for (int64_t j = lo; j < hi; j++) {
        const int64_t n = pairs.ptr[j + 1] - pairs.ptr[j];
        most = n > most ? n : most;
    }
    const Room slots(v.n_workers * int64_t(sizeof(int64_t)));
    const Room room((most + 1) * k * int64_t(sizeof(double)));
    if (!slots.at || !room.at) return Status::no_memory;
    auto* slot = static_cast<int64_t*>(slots.at);
    double *z = static_cast<double*>(room.at), *all_alike = z + k;
    for (int64_t w = 0; w < v.n_workers; w++) slot[w] = -1;
    for (int64_t j = lo; j < hi; j++) {
        const int64_t first = pairs.ptr[j], last = pairs.ptr[j + 1];
        const double* mine = model.confusion + j * k * k;
        const double* log_mine = model.log_confusion + j * k * k;
        for (int64_t p = first; p < last; p++) {
            const int32_t second = pairs.second[p];
            slot[second] = p;
            to.agreements[p] = 0;
            to.expected[p] = 0;
            for (int64_t s = 0; s < to.n_shares; s++) to.log_ratio[p * to.n_shares + s] = 0;
            // Probability that the two agree on a task of each class.
            const double* theirs = model.confusion + second * k * k;
            for (int64_t c = 0; c < k; c++) {
                double& alike = all_alike[(p - first) * k + c];
                alike = 0;
                for (int64_t y = 0; y < k; y++) alike += mine[c * k + y] * theirs[c * k + y];
            }
        }
        each_shared(v, j, [&](int64_t row, int64_t a) {
            const int32_t other = v.worker[a], my_label = v.label[row], label = v.label[a];
            const int64_t p = slot[other];
            if (p < 0) return;
            const double* all = score + v.task[row] * k;
            const double* theirs = model.confusion + other * k * k;
            const double* log_theirs = model.log_confusion + other * k * k;
            double top = -INFINITY;
            for (int64_t c = 0; c < k; c++) {
                z[c] = all[c] - log_mine[c * k + my_label] - log_theirs[c * k + label];
                top = larger(top, z[c]);
            }
            double total = 0;
            for (int64_t c = 0; c < k; c++) {
                z[c] = std::exp(z[c] - top);
                total += z[c];
            }
            const double* alike = all_alike + (p - first) * k;
            double agree = 0;
            for (int64_t c = 0; c < k; c++) {
                z[c] /= total;
                agree += z[c] * alike[c];
            }
            to.expected[p] += agree;
            double ratio = 0;
            if (my_label == label) {
                to.agreements[p]++;
                double joint = 0, alone = 0;
                for (int64_t c = 0; c < k; c++) {
                    const double u = mine[c * k + label], t = theirs[c * k + label];
                    joint += z[c] * u * t;
                    alone += z[c] * 0.5 * (u + t);
                }
                ratio = alone / joint;
            }
            for (int64_t s = 0; s < to.n_shares; s++)
                to.log_ratio[p * to.n_shares + s] +=
                    std::log(1.0 - to.share[s] + to.share[s] * ratio);
        });
        for (int64_t p = first; p < last; p++) slot[pairs.second[p]] = -1;
    }
    return Status::fine;
}

Status repeats(const int64_t* ptr, const int32_t* task, const int32_t* label, int64_t n,
               const double* posterior, int64_t n_tasks, const double* confusion, int64_t k,
               int64_t lo, int64_t hi, int64_t* longest, int64_t* repeats, double* expected,
               double* spread) {
    if (!are_runs(ptr, lo, hi, n) || !all_below(task + ptr[lo], ptr[hi] - ptr[lo], n_tasks))
        return Status::out_of_range;
    const Room room(2 * k * int64_t(sizeof(double)));
    if (!room.at) return Status::no_memory;
    double *now = static_cast<double*>(room.at), *before = now + k;
    for (int64_t j = lo; j < hi; j++) {
        longest[j] = repeats[j] = 0;
        expected[j] = spread[j] = 0;
        int64_t run = 0;
        for (int64_t a = ptr[j]; a < ptr[j + 1]; a++) {
            for (int64_t c = 0; c < k; c++) now[c] = 0;
            for (int64_t t = 0; t < k; t++) {
                const double z = posterior[task[a] * k + t];
                const double* row = confusion + (j * k + t) * k;
                for (int64_t c = 0; z > 0 && c < k; c++) now[c] += z * row[c];
            }
            const bool is_first = a == ptr[j], same = !is_first && label[a] == label[a - 1];
            run = same ? run + 1 : 1;
            longest[j] = run > longest[j] ? run : longest[j];
            if (!is_first) {
                double p = 0;
                for (int64_t c = 0; c < k; c++) p += now[c] * before[c];
                repeats[j] += same;
                expected[j] += p;
                spread[j] += p * (1.0 - p);
            }
            double* freed = before;
            before = now;
            now = freed;
        }
    }
    return Status::fine;
}

}  // namespace

extern const IdentificationLoops identification;
const IdentificationLoops identification{scores, evidence, repeats};

}  // namespace peerannot::PEERANNOT_ISA
