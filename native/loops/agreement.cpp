// Sums are taken in order of answers: results are the same bits at each instruction set.
#include "agreement.hpp"

#include <cstring>

#include "room.hpp"
#include "shared_tasks.hpp"
#include "sort.hpp"
#include "vectors.hpp"

namespace peerannot::PEERANNOT_ISA {
namespace {

// A number for each worker.
struct PerWorker : Room {
    PerWorker(const WorkerVotes& v, int64_t start) : Room(v.n_workers * int64_t(sizeof(int64_t))) {
        for (int64_t w = 0; at && w < v.n_workers; w++) (*this)[w] = start;
    }
    int64_t& operator[](int64_t w) const { return static_cast<int64_t*>(at)[w]; }
};

Status count_pairs(const WorkerVotes& v, int64_t lo, int64_t hi, int64_t least,
                   int64_t* n_pairs) {
    const PerWorker seen(v, 0);
    if (!seen.at) return Status::no_memory;
    for (int64_t j = lo; j < hi; j++) {
        n_pairs[j] = 0;
        each_shared(v, j, [&](int64_t, int64_t a) {
            if (v.worker[a] > j) n_pairs[j] += ++seen[v.worker[a]] == least;
        });
        each_shared(v, j, [&](int64_t, int64_t a) { seen[v.worker[a]] = 0; });
    }
    return Status::fine;
}

Status fill_pairs(const WorkerVotes& v, const int64_t* ptr, int64_t n_pairs, int64_t lo,
                  int64_t hi, int64_t least, int32_t* second, int64_t* shared) {
    if (!are_runs(ptr, lo, hi, n_pairs)) return Status::out_of_range;
    const PerWorker seen(v, 0);
    if (!seen.at) return Status::no_memory;
    for (int64_t j = lo; j < hi; j++) {
        int64_t place = ptr[j];
        const int64_t end = ptr[j + 1];
        if (place == end) continue;
        bool fine = true;
        each_shared(v, j, [&](int64_t, int64_t a) {
            const int32_t other = v.worker[a];
            if (other <= j || ++seen[other] != least) return;
            fine &= place < end;
            if (fine) second[place++] = other;
        });
        if (!fine || place < end) return Status::out_of_range;
        sort(second + ptr[j], end - ptr[j]);
        for (int64_t p = ptr[j]; p < end; p++) shared[p] = seen[second[p]];
        each_shared(v, j, [&](int64_t, int64_t a) { seen[v.worker[a]] = 0; });
    }
    return Status::fine;
}

Status cohen(const WorkerVotes& v, const PairRows& pairs, int64_t lo, int64_t hi, int64_t* agree,
             double* chance) {
    int64_t most = 0;
    for (int64_t j = lo; j < hi; j++) {
        const int64_t n = pairs.ptr[j + 1] - pairs.ptr[j];
        most = n > most ? n : most;
    }
    const int64_t counts = most * v.k;
    const PerWorker slot(v, -1);
    const Room room(2 * counts * int64_t(sizeof(int64_t)));
    if (!slot.at || !room.at) return Status::no_memory;
    auto *mine = static_cast<int64_t*>(room.at), *theirs = mine + counts;
    for (int64_t j = lo; j < hi; j++) {
        const int64_t first = pairs.ptr[j], n = pairs.ptr[j + 1] - first;
        if (n == 0) continue;
        const int32_t* second = pairs.second + first;
        std::memset(mine, 0, size_t(n * v.k) * sizeof(int64_t));
        std::memset(theirs, 0, size_t(n * v.k) * sizeof(int64_t));
        for (int64_t p = 0; p < n; p++) {
            slot[second[p]] = p;
            agree[first + p] = 0;
            chance[first + p] = 0;
        }
        each_shared(v, j, [&](int64_t row, int64_t a) {
            const int64_t p = slot[v.worker[a]];
            if (p < 0) return;
            mine[p * v.k + v.label[row]]++;
            theirs[p * v.k + v.label[a]]++;
            agree[first + p] += v.label[row] == v.label[a];
        });
        for (int64_t p = 0; p < n; p++) {
            slot[second[p]] = -1;
            for (int64_t c = p * v.k; c < (p + 1) * v.k; c++)
                chance[first + p] += double(mine[c] * theirs[c]);
        }
    }
    return Status::fine;
}

Status counts(const int64_t* task_ptr, const int32_t* label, const int32_t* place,
              int64_t n_answers, const int64_t* ptr, int64_t n, int64_t lo, int64_t hi,
              int32_t* labels, int32_t* count) {
    if (!are_runs(task_ptr, lo, hi, n_answers) || !are_runs(ptr, lo, hi, n))
        return Status::out_of_range;
    for (int64_t i = lo; i < hi; i++) {
        const int64_t start = task_ptr[i], size = task_ptr[i + 1] - start;
        const int64_t to = ptr[i], used = ptr[i + 1] - to;
        if (used > size || !all_below(place + start, size, used)) return Status::out_of_range;
        for (int64_t s = 0; s < used; s++) {
            labels[to + s] = label[start + s];
            count[to + s] = 0;
        }
        for (int64_t a = start; a < start + size; a++) count[to + place[a]]++;
    }
    return Status::fine;
}

PEERANNOT_INLINE bool fit(const LabelCounts& x, int64_t lo, int64_t hi) {
    return are_runs(x.ptr, lo, hi, x.n) && all_below(x.label + x.ptr[lo], x.ptr[hi] - x.ptr[lo], x.k);
}

Status keys(const LabelCounts& x, const uint64_t* draw, int64_t lo, int64_t hi, uint64_t* key) {
    if (!fit(x, lo, hi)) return Status::out_of_range;
    for (int64_t i = lo; i < hi; i++) {
        key[i] = 0;
        for (int64_t e = x.ptr[i]; e < x.ptr[i + 1]; e++)
            key[i] += draw[x.label[e]] * uint64_t(x.count[e]);
    }
    return Status::fine;
}

Status coincidences(const LabelCounts& x, const int64_t* size, const int64_t* tasks,
                    double* matrix) {
    if (!fit(x, 0, x.n_rows)) return Status::out_of_range;
    for (int64_t c = 0; c < x.k * x.k; c++) matrix[c] = 0;
    for (int64_t i = 0; i < x.n_rows; i++) {
        const double scale = double(tasks[i]) / (double(size[i]) - 1.0);
        for (int64_t e = x.ptr[i]; e < x.ptr[i + 1]; e++) {
            double* row = matrix + x.label[e] * x.k;
            for (int64_t f = x.ptr[i]; f < x.ptr[i + 1]; f++)
                row[x.label[f]] += scale * x.count[e] * (double(x.count[f]) - (e == f));
        }
    }
    return Status::fine;
}

PEERANNOT_INLINE double ratio(double a, double b) {
    const double share = (a - b) / (a + b);
    return a + b > 0 ? share * share : 0.0;
}

Status differences(const LabelCounts& x, const double* difference, const double* number,
                   int64_t lo, int64_t hi, double* sum) {
    if (!fit(x, lo, hi)) return Status::out_of_range;
    for (int64_t i = lo; i < hi; i++) {
        sum[i] = 0;
        for (int64_t e = x.ptr[i]; e < x.ptr[i + 1]; e++) {
            for (int64_t f = x.ptr[i]; f < e; f++) {
                const int64_t c = x.label[e], other = x.label[f];
                sum[i] += 2.0 * x.count[e] * x.count[f] *
                          (difference ? difference[c * x.k + other]
                                      : ratio(number[c], number[other]));
            }
        }
    }
    return Status::fine;
}

double ratio_margins(const double* margin, const double* number, int64_t k) {
    double sum = 0;
    for (int64_t c = 0; c < k; c++)
        for (int64_t d = 0; d < c; d++)
            sum += 2.0 * margin[c] * margin[d] * ratio(number[c], number[d]);
    return sum;
}

}  // namespace

extern const AgreementLoops agreement;
const AgreementLoops agreement{fit,          fit,        count_pairs,   fill_pairs,   cohen, counts,
                               keys,         coincidences, differences, ratio_margins};

}  // namespace peerannot::PEERANNOT_ISA
