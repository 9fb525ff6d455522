#include "order.hpp"

#include "vectors.hpp"

namespace peerannot::PEERANNOT_ISA {
namespace {

constexpr int64_t ahead = 32;  // rows ahead of which places are asked for
constexpr int64_t tile = 64;   // tasks whose labels are looked at together

int state(const int32_t* task, const int32_t* worker, int64_t n) {
    int strict = 1;
    for (int64_t i = 1; i < n; i++) {
        const bool same = task[i] == task[i - 1];
        if (task[i] < task[i - 1] || (same && worker[i] < worker[i - 1])) return -1;
        if (same && worker[i] == worker[i - 1]) strict = 0;
    }
    return strict;
}

Status starts(const int32_t* key, int64_t n, int64_t n_keys, int64_t* ptr) {
    if (!all_below(key, n, n_keys)) return Status::out_of_range;
    for (int64_t k = 0; k <= n_keys; k++) ptr[k] = 0;
    for (int64_t i = 0; i < n; i++) ptr[key[i] + 1]++;
    for (int64_t k = 0; k < n_keys; k++) ptr[k + 1] += ptr[k];
    return Status::fine;
}

Status gather(const int32_t* task, const int32_t* worker, const int32_t* label, int64_t n,
              int64_t n_tasks, int64_t* at, const Places& to) {
    bool fine = all_below(task, n, n_tasks);
    for (int64_t i = 0; i < n_tasks; i++) fine &= at[i] >= 0 && at[i] <= n;
    if (!fine) return Status::out_of_range;
    for (int64_t i = 0; i < n; i++) {
        __builtin_prefetch(at + task[least(i + 2 * ahead, n - 1)], 1);
        const int64_t later = at[task[least(i + ahead, n - 1)]];
        __builtin_prefetch(to.worker + later, 1);
        __builtin_prefetch(to.label + later, 1);
        const int64_t place = at[task[i]]++;
        if (place >= n) return Status::out_of_range;
        to.worker[place] = worker[i];
        to.label[place] = label[i];
        if (to.row) to.row[place] = i;
    }
    return Status::fine;
}

Status sort(const int64_t* ptr, int64_t lo, int64_t hi, int64_t n, bool by_label,
            const Places& x) {
    if (!are_runs(ptr, lo, hi, n)) return Status::out_of_range;
    for (int64_t i = lo; i < hi; i++) {
        for (int64_t a = ptr[i] + 1; a < ptr[i + 1]; a++) {
            const int32_t w = x.worker[a], y = x.label[a];
            const int64_t row = x.row ? x.row[a] : 0;
            int64_t b = a;
            for (; b > ptr[i]; b--) {
                const int32_t before = x.worker[b - 1];
                if (before < w || (before == w && !(by_label && x.label[b - 1] > y))) break;
                x.worker[b] = before;
                x.label[b] = x.label[b - 1];
                if (x.row) x.row[b] = x.row[b - 1];
            }
            x.worker[b] = w;
            x.label[b] = y;
            if (x.row) x.row[b] = row;
        }
    }
    return Status::fine;
}

void repeats(const int32_t* task, const int32_t* worker, const int32_t* label, int64_t n,
             bool keep_last, bool only_exact, bool* drop) {
    for (int64_t start = 0, end; start < n; start = end) {
        for (end = start + 1; end < n && task[end] == task[start] && worker[end] == worker[start];)
            end++;
        const int64_t keep = keep_last ? end - 1 : start;
        for (int64_t a = start; a < end; a++) {
            drop[a] = !only_exact && a != keep;
            for (int64_t b = start; only_exact && b < a && !drop[a]; b++)
                drop[a] = label[a] == label[b];
        }
    }
}

// Labels below 64, as the bits of a word: no branch depends on what they are.
PEERANNOT_INLINE void distinct_bits(const int64_t* ptr, const int32_t* label, int64_t lo,
                                    int64_t hi, int64_t* size, int32_t* slots, int32_t* place) {
    for (int64_t i = lo; i < hi; i++) {
        const int64_t first = ptr[i], last = ptr[i + 1];
        uint64_t named = 0;
        for (int64_t a = first; a < last; a++) named |= uint64_t(1) << label[a];
        size[i] = __builtin_popcountll(named);
        for (int64_t a = first; a < last; a++) {
            const uint64_t below = (uint64_t(1) << label[a]) - 1;
            place[a] = int32_t(__builtin_popcountll(named & below));
            slots[first + place[a]] = label[a];
        }
    }
}

void distinct_sorted(const int64_t* ptr, const int32_t* label, int64_t lo, int64_t hi,
                     int64_t* size, int32_t* slots, int32_t* place) {
    for (int64_t i = lo; i < hi; i++) {
        int32_t* slot = slots + ptr[i];
        int64_t m = 0;
        for (int64_t a = ptr[i]; a < ptr[i + 1]; a++) {
            int64_t s = m;
            while (s > 0 && slot[s - 1] >= label[a]) s--;
            if (s < m && slot[s] == label[a]) continue;
            for (int64_t t = m++; t > s; t--) slot[t] = slot[t - 1];
            slot[s] = label[a];
        }
        size[i] = m;
        for (int64_t a = ptr[i]; a < ptr[i + 1]; a++) {
            int64_t low = 0, high = m - 1;
            while (low < high) {
                const int64_t middle = (low + high) / 2;
                if (slot[middle] < label[a])
                    low = middle + 1;
                else
                    high = middle;
            }
            place[a] = int32_t(low);
        }
    }
}

Status distinct(const int64_t* ptr, const int32_t* label, int64_t n, int64_t lo, int64_t hi,
                int64_t* size, int32_t* slots, int32_t* place) {
    if (!are_runs(ptr, lo, hi, n)) return Status::out_of_range;
    for (int64_t begin = lo; begin < hi; begin += tile) {
        const int64_t end = least(begin + tile, hi), from = ptr[begin];
        if (all_below(label + from, ptr[end] - from, 64))
            distinct_bits(ptr, label, begin, end, size, slots, place);
        else
            distinct_sorted(ptr, label, begin, end, size, slots, place);
    }
    return Status::fine;
}

}  // namespace

extern const OrderLoops order;
const OrderLoops order{state, starts, gather, sort, repeats, distinct};

}  // namespace peerannot::PEERANNOT_ISA
