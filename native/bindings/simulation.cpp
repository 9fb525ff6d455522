#include "arrays.hpp"
#include "families.hpp"
#include "threads.hpp"

namespace peerannot {
namespace {

using Longs = Array<const int64_t>;
using Reals = Array<const double>;

Demand demand_of(const Longs& wanted, int64_t n_workers, int64_t load, const Reals& uniform,
                 const Array<int32_t>& worker, const Array<int64_t>& got) {
    require(n_workers >= 0 && n_workers <= INT32_MAX, "n_workers: from 0 to 2**31 - 1");
    require(load >= 1, "load: at least 1");
    require(size(worker) == size(uniform), "worker: one a uniform number");
    require(size(got) == size(wanted), "got: one a task");
    return {wanted.data(), size(wanted), n_workers, load, uniform.data(), size(uniform)};
}

int64_t uniform(Longs wanted, Reals numbers, Array<int32_t> worker, Array<int64_t> got,
                int64_t n_workers, int64_t load) {
    const Demand demand = demand_of(wanted, n_workers, load, numbers, worker, got);
    nb::gil_scoped_release release;
    Room<int32_t> pool(n_workers);
    Room<int64_t> left(n_workers);
    Assigned to{worker.data(), got.data(), 0};
    check(loops().simulation->uniform(demand, pool, left, to));
    return to.n;
}

int64_t weighted(Longs wanted, Reals numbers, Reals weight, Array<int32_t> worker,
                 Array<int64_t> got, int64_t load) {
    const Demand demand = demand_of(wanted, size(weight), load, numbers, worker, got);
    nb::gil_scoped_release release;
    int64_t leaves = 1;
    while (leaves < demand.n_workers) leaves *= 2;
    Room<double> tree(2 * leaves);
    Room<int64_t> left(demand.n_workers);
    Assigned to{worker.data(), got.data(), 0};
    check(loops().simulation->weighted(demand, weight.data(), tree, leaves, left, to));
    return to.n;
}

void labels(Array<const double, 3> cumulated, Array<const int32_t> worker, Longs truth,
            Reals numbers, Array<int32_t> label, int64_t threads) {
    const int64_t n = size(worker);
    require(size(truth) == n && size(numbers) == n && size(label) == n,
            "worker, truth, uniform, label: as many of each");
    require(size(cumulated, 2) >= 1, "cumulated: at least one class");
    nb::gil_scoped_release release;
    check(over_ranges(n, 1 << 16, threads, [&](int64_t lo, int64_t hi) {
        return loops().simulation->labels(cumulated.data(), size(cumulated), size(cumulated, 1),
                                          size(cumulated, 2), worker.data(), truth.data(),
                                          numbers.data(), lo, hi, label.data());
    }));
}

}  // namespace

void bind_simulation(nb::module_& m) {
    m.def("simulation_uniform", uniform, "wanted"_array, "uniform"_array, "worker"_array,
          "got"_array, nb::kw_only(), nb::arg("n_workers"), nb::arg("load"));
    m.def("simulation_weighted", weighted, "wanted"_array, "uniform"_array, "weight"_array,
          "worker"_array, "got"_array, nb::kw_only(), nb::arg("load"));
    m.def("simulation_labels", labels, "cumulated"_array, "worker"_array, "truth"_array,
          "uniform"_array, "label"_array, nb::kw_only(), nb::arg("threads"));
}

}  // namespace peerannot
