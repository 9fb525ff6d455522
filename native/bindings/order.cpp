#include <cstring>

#include "arrays.hpp"
#include "families.hpp"
#include "threads.hpp"

namespace peerannot {
namespace {

using Ints = Array<const int32_t>;
using Longs = Array<const int64_t>;

void check_rows(int64_t n, const Ints& worker, const Ints& label) {
    require(size(worker) == n && size(label) == n, "task, worker, label: as many of each");
}

Places places(const Array<int32_t>& worker, const Array<int32_t>& label,
              const Array<int64_t>& row, int64_t n) {
    require(size(worker) == n && size(label) == n, "worker, label: one an answer");
    require(size(row) == n || size(row) == 0, "row: one an answer, or none");
    return {worker.data(), label.data(), given(row)};
}

int state(Ints task, Ints worker) {
    require(size(task) == size(worker), "task, worker: as many of each");
    nb::gil_scoped_release release;
    return loops().order->state(task.data(), worker.data(), size(task));
}

void starts(Ints key, Array<int64_t> ptr) {
    require(size(ptr) >= 1, "ptr: one more than keys");
    nb::gil_scoped_release release;
    check(loops().order->starts(key.data(), size(key), size(ptr) - 1, ptr.data()));
}

void gather(Ints task, Ints worker, Ints label, Longs ptr, Array<int32_t> workers,
            Array<int32_t> labels, Array<int64_t> rows) {
    const int64_t n = size(task), n_tasks = size(ptr) - 1;
    require(n_tasks >= 0, "ptr: one more than tasks");
    check_rows(n, worker, label);
    const Places to = places(workers, labels, rows, n);
    nb::gil_scoped_release release;
    Room<int64_t> at(n_tasks);
    std::memcpy(at, ptr.data(), size_t(n_tasks) * sizeof(int64_t));
    check(loops().order->gather(task.data(), worker.data(), label.data(), n, n_tasks, at, to));
}

void sort(Longs ptr, Array<int32_t> worker, Array<int32_t> label, Array<int64_t> row,
          bool by_label, int64_t threads) {
    const int64_t n = size(worker);
    require(size(ptr) >= 1, "ptr: one more than tasks");
    const Places x = places(worker, label, row, n);
    nb::gil_scoped_release release;
    check(over_ranges(size(ptr) - 1, 4096, threads, [&](int64_t lo, int64_t hi) {
        return loops().order->sort(ptr.data(), lo, hi, n, by_label, x);
    }));
}

void repeats(Ints task, Ints worker, Ints label, Array<bool> drop, bool keep_last,
             bool only_exact) {
    const int64_t n = size(task);
    check_rows(n, worker, label);
    require(size(drop) == n, "drop: one an answer");
    nb::gil_scoped_release release;
    loops().order->repeats(task.data(), worker.data(), label.data(), n, keep_last, only_exact,
                           drop.data());
}

void distinct(Longs ptr, Ints label, Array<int64_t> size_, Array<int32_t> slot,
              Array<int32_t> place, int64_t threads) {
    const int64_t n = size(label), n_tasks = size(size_);
    require(size(ptr) == n_tasks + 1, "ptr: one more than size");
    require(size(slot) == n && size(place) == n, "slot, place: one an answer");
    nb::gil_scoped_release release;
    check(over_ranges(n_tasks, 4096, threads, [&](int64_t lo, int64_t hi) {
        return loops().order->distinct(ptr.data(), label.data(), n, lo, hi, size_.data(),
                                       slot.data(), place.data());
    }));
}

}  // namespace

void bind_order(nb::module_& m) {
    m.def("order_state", state, "task"_array, "worker"_array);
    m.def("order_starts", starts, "key"_array, "ptr"_array);
    m.def("order_gather", gather, "task"_array, "worker"_array, "label"_array, "ptr"_array,
          "workers"_array, "labels"_array, "rows"_array);
    m.def("order_sort", sort, "ptr"_array, "worker"_array, "label"_array, "row"_array,
          nb::kw_only(), nb::arg("by_label"), nb::arg("threads"));
    m.def("order_repeats", repeats, "task"_array, "worker"_array, "label"_array, "drop"_array,
          nb::kw_only(), nb::arg("keep_last"), nb::arg("only_exact"));
    m.def("order_distinct", distinct, "ptr"_array, "label"_array, "size"_array, "slot"_array,
          "place"_array, nb::kw_only(), nb::arg("threads"));
}

}  // namespace peerannot
