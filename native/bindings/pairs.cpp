#include "arrays.hpp"
#include "families.hpp"
#include "threads.hpp"

namespace peerannot {
namespace {

using Ints = Array<const int32_t>;

int64_t find(Ints worker, Ints label, Array<int32_t, 2> place, Array<int32_t> of_answer,
             int64_t threads) {
    const int64_t n = size(worker), n_workers = size(place), k = size(place, 1);
    require(size(label) == n && size(of_answer) == n, "one an answer");
    nb::gil_scoped_release release;
    const PairsLoops& loop = *loops().pairs;
    check(over_ranges(n_workers * k, 1 << 20, threads, [&](int64_t lo, int64_t hi) {
        for (int64_t c = lo; c < hi; c++) place.data()[c] = -1;
        return Status::fine;
    }));
    check(over_ranges(n, 1 << 16, threads, [&](int64_t lo, int64_t hi) {
        return loop.mark(worker.data(), label.data(), lo, hi, n_workers, k, place.data());
    }));
    const int64_t found = loop.number(n_workers * k, place.data());
    check(over_ranges(n, 1 << 16, threads, [&](int64_t lo, int64_t hi) {
        loop.find(worker.data(), label.data(), lo, hi, k, place.data(), of_answer.data());
        return Status::fine;
    }));
    return found;
}

void logarithms(Array<const double, 2> counts, Array<const int64_t> ptr, Ints label,
                Array<double, 2> table, double diagonal, double off_diagonal,
                double least_probability, int64_t threads) {
    const int64_t n_pairs = size(counts), k = size(counts, 1);
    require(size(ptr) >= 1, "ptr: one more than workers");
    require(size(label) == n_pairs, "label: one a row of counts");
    require(size(table) == n_pairs && size(table, 1) == k, "table: the shape of counts");
    nb::gil_scoped_release release;
    check(over_ranges(size(ptr) - 1, 64, threads, [&](int64_t lo, int64_t hi) {
        return loops().pairs->logarithms(counts.data(), ptr.data(), label.data(), n_pairs, k,
                                         diagonal, off_diagonal, least_probability, lo, hi,
                                         table.data());
    }));
}

}  // namespace

void bind_pairs(nb::module_& m) {
    m.def("pairs_find", find, "worker"_array, "label"_array, "place"_array, "of_answer"_array,
          nb::kw_only(), nb::arg("threads"));
    m.def("pairs_logarithms", logarithms, "counts"_array, "ptr"_array, "label"_array,
          "table"_array, nb::kw_only(), nb::arg("diagonal"), nb::arg("off_diagonal"),
          nb::arg("least_probability"), nb::arg("threads"));
}

}  // namespace peerannot
