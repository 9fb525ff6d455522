#include "arrays.hpp"
#include "families.hpp"
#include "threads.hpp"
#include "worker_votes.hpp"

namespace peerannot {
namespace {

using Reals = Array<const double>;

constexpr int64_t least_rows = 4096;  // of which another thread pays

void count_pairs(Longs task_ptr, Ints task, Ints worker, Longs order, Longs worker_ptr,
                 Longs bounds, Array<int64_t> n_pairs, int64_t least, int64_t threads) {
    const WorkerVotes votes = worker_votes(task_ptr, task, worker, order, worker_ptr);
    check_blocks(bounds, votes.n_workers);
    require(size(n_pairs) == votes.n_workers, "n_pairs: one a worker");
    nb::gil_scoped_release release;
    require_fit(votes);
    check(over_blocks(size(bounds) - 1, threads, [&](int64_t b) {
        return loops().agreement->count_pairs(votes, bounds(b), bounds(b + 1), least,
                                              n_pairs.data());
    }));
}

void fill_pairs(Longs task_ptr, Ints task, Ints worker, Longs order, Longs worker_ptr,
                Longs bounds, Longs ptr, Array<int32_t> second, Array<int64_t> shared,
                int64_t least, int64_t threads) {
    const WorkerVotes votes = worker_votes(task_ptr, task, worker, order, worker_ptr);
    check_blocks(bounds, votes.n_workers);
    require(size(ptr) == votes.n_workers + 1, "ptr: one more than workers");
    require(size(shared) == size(second), "second, shared: one a pair");
    nb::gil_scoped_release release;
    require_fit(votes);
    check(over_blocks(size(bounds) - 1, threads, [&](int64_t b) {
        return loops().agreement->fill_pairs(votes, ptr.data(), size(second), bounds(b),
                                             bounds(b + 1), least, second.data(), shared.data());
    }));
}

void cohen(Longs task_ptr, Ints task, Ints worker, Ints label, Longs order, Longs worker_ptr,
           Longs bounds, Longs ptr, Ints second, Array<int64_t> agree, Array<double> chance,
           int64_t n_classes, int64_t threads) {
    const WorkerVotes votes =
        worker_votes(task_ptr, task, worker, order, worker_ptr, label, n_classes);
    check_blocks(bounds, votes.n_workers);
    const PairRows pairs = pair_rows(ptr, second, votes.n_workers);
    require(size(agree) == pairs.n && size(chance) == pairs.n, "agree, chance: one a pair");
    nb::gil_scoped_release release;
    require_fit(votes, pairs);
    check(over_blocks(size(bounds) - 1, threads, [&](int64_t b) {
        return loops().agreement->cohen(votes, pairs, bounds(b), bounds(b + 1), agree.data(),
                                        chance.data());
    }));
}

void counts(Longs task_ptr, Ints label, Ints place, Longs ptr, Array<int32_t> labels,
            Array<int32_t> count, int64_t threads) {
    const int64_t n_tasks = size(task_ptr) - 1, n = size(labels);
    require(n_tasks >= 0 && size(ptr) == n_tasks + 1, "task_ptr, ptr: one more than tasks");
    require(size(label) == size(place), "label, place: one an answer");
    require(size(count) == n, "labels, count: as many of each");
    nb::gil_scoped_release release;
    check(over_ranges(n_tasks, least_rows, threads, [&](int64_t lo, int64_t hi) {
        return loops().agreement->counts(task_ptr.data(), label.data(), place.data(), size(label),
                                         ptr.data(), n, lo, hi, labels.data(), count.data());
    }));
}

LabelCounts label_counts(const Longs& ptr, const Ints& label, const Ints& count, int64_t k) {
    require(size(ptr) >= 1, "ptr: one more than rows");
    require(size(count) == size(label), "label, count: as many of each");
    return {ptr.data(), label.data(), count.data(), size(ptr) - 1, size(label), k};
}

void keys(Longs ptr, Ints label, Ints count, Array<const uint64_t> draw, Array<uint64_t> key,
          int64_t threads) {
    const LabelCounts x = label_counts(ptr, label, count, size(draw));
    require(size(key) == x.n_rows, "key: one a row");
    nb::gil_scoped_release release;
    check(over_ranges(x.n_rows, least_rows, threads, [&](int64_t lo, int64_t hi) {
        return loops().agreement->keys(x, draw.data(), lo, hi, key.data());
    }));
}

void coincidences(Longs ptr, Ints label, Ints count, Longs sizes, Longs tasks,
                  Array<double, 2> matrix) {
    const LabelCounts x = label_counts(ptr, label, count, size(matrix));
    require(size(matrix, 1) == x.k, "matrix: square");
    require(size(sizes) == x.n_rows && size(tasks) == x.n_rows, "size, tasks: one a row");
    nb::gil_scoped_release release;
    check(loops().agreement->coincidences(x, sizes.data(), tasks.data(), matrix.data()));
}

void differences(const LabelCounts& x, const double* difference, const double* number,
                 Array<double> sum, int64_t threads) {
    require(size(sum) == x.n_rows, "sum: one a row");
    nb::gil_scoped_release release;
    check(over_ranges(x.n_rows, least_rows, threads, [&](int64_t lo, int64_t hi) {
        return loops().agreement->differences(x, difference, number, lo, hi, sum.data());
    }));
}

void given_differences(Longs ptr, Ints label, Ints count, Array<const double, 2> difference,
                       Array<double> sum, int64_t threads) {
    const LabelCounts x = label_counts(ptr, label, count, size(difference));
    require(size(difference, 1) == x.k, "difference: square");
    differences(x, difference.data(), nullptr, sum, threads);
}

void ratio_differences(Longs ptr, Ints label, Ints count, Reals number, Array<double> sum,
                       int64_t threads) {
    const LabelCounts x = label_counts(ptr, label, count, size(number));
    differences(x, nullptr, number.data(), sum, threads);
}

double ratio_margins(Reals margin, Reals number) {
    require(size(margin) == size(number), "margin, number: one a class");
    nb::gil_scoped_release release;
    return loops().agreement->ratio_margins(margin.data(), number.data(), size(margin));
}

}  // namespace

void bind_agreement(nb::module_& m) {
    m.def("agreement_count_pairs", count_pairs, "task_ptr"_array, "task"_array, "worker"_array,
          "order"_array, "worker_ptr"_array, "bounds"_array, "n_pairs"_array, nb::kw_only(),
          nb::arg("least"), nb::arg("threads"));
    m.def("agreement_fill_pairs", fill_pairs, "task_ptr"_array, "task"_array, "worker"_array,
          "order"_array, "worker_ptr"_array, "bounds"_array, "ptr"_array, "second"_array,
          "shared"_array, nb::kw_only(), nb::arg("least"), nb::arg("threads"));
    m.def("agreement_cohen", cohen, "task_ptr"_array, "task"_array, "worker"_array, "label"_array,
          "order"_array, "worker_ptr"_array, "bounds"_array, "ptr"_array, "second"_array,
          "agree"_array, "chance"_array, nb::kw_only(), nb::arg("n_classes"), nb::arg("threads"));
    m.def("agreement_counts", counts, "task_ptr"_array, "label"_array, "place"_array, "ptr"_array,
          "labels"_array, "count"_array, nb::kw_only(), nb::arg("threads"));
    m.def("agreement_keys", keys, "ptr"_array, "label"_array, "count"_array, "draw"_array,
          "key"_array, nb::kw_only(), nb::arg("threads"));
    m.def("agreement_coincidences", coincidences, "ptr"_array, "label"_array, "count"_array,
          "size"_array, "tasks"_array, "matrix"_array);
    m.def("agreement_differences", given_differences, "ptr"_array, "label"_array, "count"_array,
          "difference"_array, "sum"_array, nb::kw_only(), nb::arg("threads"));
    m.def("agreement_ratio_differences", ratio_differences, "ptr"_array, "label"_array,
          "count"_array, "number"_array, "sum"_array, nb::kw_only(), nb::arg("threads"));
    m.def("agreement_ratio_margins", ratio_margins, "margin"_array, "number"_array);
}

}  // namespace peerannot
