// Sums over the answers of each worker, on threads.
#pragma once

#include "arrays.hpp"
#include "threads.hpp"

namespace peerannot {

// One sum a worker, of add(block, sums) for each block, those of blocks added in order.
template <class Add>
void add_blocks(const Array<const int64_t>& bounds, int64_t most, const Array<double>& out,
                int64_t threads, const Add& add) {
    const int64_t n_workers = size(out), n_blocks = size(bounds) - 1;
    require(n_blocks >= 0 && bounds(0) >= 0 && bounds(n_blocks) <= most, "bounds: within the rows");
    for (int64_t b = 0; b < n_blocks; b++)
        require(bounds(b) <= bounds(b + 1), "bounds: in order");
    nb::gil_scoped_release release;
    Room<double> sums(n_blocks * n_workers);
    check(over_blocks(n_blocks, threads, [&](int64_t b) {
        double* own = sums + b * n_workers;
        for (int64_t j = 0; j < n_workers; j++) own[j] = 0;
        return add(bounds(b), bounds(b + 1), own);
    }));
    double* total = out.data();
    for (int64_t j = 0; j < n_workers; j++) total[j] = n_blocks ? sums[j] : 0.0;
    for (int64_t b = 1; b < n_blocks; b++)
        for (int64_t j = 0; j < n_workers; j++) total[j] += sums[b * n_workers + j];
}

}  // namespace peerannot
