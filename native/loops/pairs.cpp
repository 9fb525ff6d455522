#include "pairs.hpp"

#include "log.hpp"
#include "room.hpp"
#include "vectors.hpp"

namespace peerannot::PEERANNOT_ISA {
namespace {

Status mark(const int32_t* worker, const int32_t* label, int64_t lo, int64_t hi,
            int64_t n_workers, int64_t k, int32_t* place) {
    constexpr int64_t tile = 4096;
    for (int64_t start = lo; start < hi; start += tile) {
        const int64_t end = least(start + tile, hi);
        if (!all_below(worker + start, end - start, n_workers)) return Status::out_of_range;
        if (!all_below(label + start, end - start, k)) return Status::out_of_range;
        for (int64_t a = start; a < end; a++)
            __atomic_store_n(place + worker[a] * k + label[a], 0, __ATOMIC_RELAXED);
    }
    return Status::fine;
}

int64_t number(int64_t n_places, int32_t* place) {
    int64_t next = 0;
    for (int64_t c = 0; c < n_places; c++)
        if (place[c] == 0) place[c] = int32_t(next++);
    return next;
}

void find(const int32_t* worker, const int32_t* label, int64_t lo, int64_t hi, int64_t k,
          const int32_t* place, int32_t* of_answer) {
    for (int64_t a = lo; a < hi; a++) of_answer[a] = place[worker[a] * k + label[a]];
}

Status logarithms(const double* counts, const int64_t* ptr, const int32_t* label, int64_t n_pairs,
                  int64_t k, double diagonal, double off_diagonal, double least_probability,
                  int64_t lo, int64_t hi, double* table) {
    constexpr int n = lanes<double>;
    using V = Vector<double, n>;
    const int64_t width = (k + n - 1) / n * n;
    Room room(3 * width * 8);
    double* const sum = static_cast<double*>(room.at);
    if (!sum) return Status::no_memory;
    double *const scale = sum + width, *const row = scale + width;
    for (int64_t c = k; c < width; c++) row[c] = scale[c] = 1;
    if (!are_runs(ptr, lo, hi, n_pairs)) return Status::out_of_range;
    for (int64_t j = lo; j < hi; j++) {
        const int64_t first = ptr[j], last = ptr[j + 1];
        if (!all_below(label + first, last - first, k)) return Status::out_of_range;
        for (int64_t c = 0; c < k; c++) sum[c] = 0;
        for (int64_t p = first; p < last; p++)
            for (int64_t c = 0; c < k; c++) sum[c] += counts[p * k + c];
        for (int64_t c = 0; c < k; c++) {
            sum[c] += diagonal + double(k - 1) * off_diagonal;
            scale[c] = sum[c] > 0 ? larger(sum[c], 1e-300) : 0.0;
        }
        for (int64_t p = first; p < last; p++) {
            for (int64_t c = 0; c < k; c++) row[c] = counts[p * k + c] + off_diagonal;
            row[label[p]] += diagonal - off_diagonal;
            for (int64_t c = 0; c < width; c += n) {
                const V own = load<V>(row + c), of = load<V>(scale + c);
                const V share = of > 0.0 ? own / of : V{} + 1.0 / double(k);
                store(row + c, log_of<n>(larger(share, V{} + least_probability)));
            }
            std::memcpy(table + p * k, row, size_t(k) * 8);
            for (int64_t c = k; c < width; c++) row[c] = 1;
        }
    }
    return Status::fine;
}

}  // namespace

extern const PairsLoops pairs;
const PairsLoops pairs{mark, number, find, logarithms};

}  // namespace peerannot::PEERANNOT_ISA
