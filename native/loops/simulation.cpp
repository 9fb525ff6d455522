// Results are the same bits at each instruction set: a seed's data set is one everywhere.
#include "simulation.hpp"

#include "sort.hpp"
#include "vectors.hpp"

namespace peerannot::PEERANNOT_ISA {
namespace {

// How many answers task i gets, or -1 where the arrays do not allow it.
PEERANNOT_INLINE int64_t answers_of(const Demand& demand, int64_t i, int64_t alive, int64_t at) {
    const int64_t h = least(demand.wanted[i], alive);
    return h <= demand.n - at ? h : -1;
}

Status uniform(const Demand& demand, int32_t* pool, int64_t* left, Assigned& to) {
    int64_t alive = demand.n_workers, at = 0;
    for (int64_t j = 0; j < alive; j++) {
        pool[j] = int32_t(j);
        left[j] = demand.load;
    }
    for (int64_t i = 0; i < demand.n_tasks; i++) {
        const int64_t h = answers_of(demand, i, alive, at);
        if (h < 0) return Status::out_of_range;
        for (int64_t t = 0; t < h; t++) {
            const double u = demand.uniform[at + t];
            if (!(u >= 0 && u < 1)) return Status::out_of_range;
            const int64_t r = t + int64_t(u * double(alive - t));
            const int32_t chosen = pool[r];
            pool[r] = pool[t];
            pool[t] = chosen;
            to.worker[at + t] = chosen;
            left[chosen]--;
        }
        for (int64_t t = h - 1; t >= 0; t--)
            if (left[pool[t]] == 0) pool[t] = pool[--alive];
        sort(to.worker + at, h);
        to.got[i] = h;
        at += h;
    }
    to.n = at;
    return Status::fine;
}

// A node is always the sum of its children, so a worker who is out weighs exactly nothing.
PEERANNOT_INLINE void set_leaf(double* tree, int64_t node, double weight) {
    tree[node] = weight;
    while (node /= 2) tree[node] = tree[2 * node] + tree[2 * node + 1];
}

Status weighted(const Demand& demand, const double* weight, double* tree, int64_t size,
                int64_t* left, Assigned& to) {
    int64_t alive = demand.n_workers, at = 0;
    for (int64_t j = 0; j < size; j++) tree[size + j] = j < alive ? weight[j] : 0.0;
    for (int64_t node = size - 1; node > 0; node--)
        tree[node] = tree[2 * node] + tree[2 * node + 1];
    for (int64_t j = 0; j < alive; j++) left[j] = demand.load;
    for (int64_t i = 0; i < demand.n_tasks; i++) {
        const int64_t h = answers_of(demand, i, alive, at);
        if (h < 0) return Status::out_of_range;
        for (int64_t t = 0; t < h; t++) {
            double x = demand.uniform[at + t] * tree[1];
            int64_t node = 1;
            while (node < size) {
                node *= 2;
                if (x >= tree[node] && tree[node + 1] > 0) x -= tree[node++];
            }
            if (node - size >= demand.n_workers) return Status::out_of_range;
            to.worker[at + t] = int32_t(node - size);
            set_leaf(tree, node, 0.0);
        }
        for (int64_t t = 0; t < h; t++) {
            const int32_t chosen = to.worker[at + t];
            if (--left[chosen] == 0)
                alive--;
            else
                set_leaf(tree, size + chosen, weight[chosen]);
        }
        sort(to.worker + at, h);
        to.got[i] = h;
        at += h;
    }
    to.n = at;
    return Status::fine;
}

Status labels(const double* cumulated, int64_t n_workers, int64_t n_true, int64_t k,
              const int32_t* worker, const int64_t* truth, const double* uniform, int64_t lo,
              int64_t hi, int32_t* label) {
    if (!all_below(worker + lo, hi - lo, n_workers)) return Status::out_of_range;
    for (int64_t a = lo; a < hi; a++) {
        if (truth[a] < 0 || truth[a] >= n_true) return Status::out_of_range;
        const double* row = cumulated + (worker[a] * n_true + truth[a]) * k;
        int64_t low = 0, high = k - 1;
        while (low < high) {
            const int64_t middle = (low + high) / 2;
            if (row[middle] <= uniform[a])
                low = middle + 1;
            else
                high = middle;
        }
        label[a] = int32_t(low);
    }
    return Status::fine;
}

}  // namespace

extern const SimulationLoops simulation;
const SimulationLoops simulation{uniform, weighted, labels};

}  // namespace peerannot::PEERANNOT_ISA
