#include <cstring>

#include "families.hpp"
#include "slot_votes.hpp"

namespace peerannot {
namespace {

using Out = Array<double>;

double step(Longs ptr, Longs sizes, Ints slot_label, Ints slot, Ints worker, Reals weight,
            Ints gold, Reals given_, Reals alpha, Longs bounds, Out beta, Array<double, 2> total,
            Out share, Out rest, double beta_mean, int64_t n_classes, int64_t steps,
            int64_t threads) {
    const SlotVotes votes = slot_votes_of(ptr, sizes, slot_label, slot, weight, gold);
    const int64_t n_workers = size(alpha), n = votes.n_answers, n_tasks = votes.n_tasks;
    check_bounds(bounds, n_tasks);
    require(size(worker) == n, "worker: one an answer");
    require(size(given_) == n || size(given_) == 0, "given: one an answer, or none");
    require(size(beta) == n_tasks, "beta: one a task");
    require(size(total) == 3 && size(total, 1) == n_workers, "total: three a worker");
    require(n_classes >= 1 && steps >= 0, "n_classes: at least 1; steps: at least 0");
    require(steps > 0 || (size(share) == n && size(rest) == n_tasks),
            "without steps, share: one an answer, and rest: one a task");
    const GladPass pass{votes,     worker.data(), given(given_), alpha.data(),
                        beta_mean, n_workers,     n_classes,     steps};
    nb::gil_scoped_release release;
    const int64_t n_blocks = size(bounds) - 1, each = n_workers * glad_columns;
    Room<double> blocks(n_blocks * each), gains(n_blocks);
    check(over_blocks(n_blocks, threads, [&](int64_t b) {
        GladSums to{blocks + b * each, beta.data(), share.data(), rest.data(), 0};
        std::memset(to.workers, 0, size_t(each) * sizeof(double));
        const Status status = loops().glad->step(pass, bounds(b), bounds(b + 1), to);
        gains[b] = to.gain;
        return status;
    }));
    check(over_ranges(n_workers, 8192, threads, [&](int64_t lo, int64_t hi) {
        loops().glad->add_up(blocks, n_blocks, n_workers, lo, hi, total.data());
        return Status::fine;
    }));
    double gain = 0;
    for (int64_t b = 0; b < n_blocks; b++) gain += gains[b];
    return gain;
}

}  // namespace

void bind_glad(nb::module_& m) {
    m.def("glad_step", step, "ptr"_array, "size"_array, "slot_label"_array, "slot"_array,
          "worker"_array, "weight"_array, "gold"_array, "given"_array, "alpha"_array,
          "bounds"_array, "beta"_array, "total"_array, "share"_array, "rest"_array, nb::kw_only(),
          nb::arg("beta_mean"), nb::arg("n_classes"), nb::arg("steps"), nb::arg("threads"));
}

}  // namespace peerannot
