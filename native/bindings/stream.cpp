#include "arrays.hpp"
#include "families.hpp"

namespace peerannot {
namespace {

using Ints = Array<const int32_t>;
using Longs = Array<const int64_t>;
using Reals = Array<const double>;

void read(Longs order, Longs ptr, Ints label, Ints worker, Reals weight, Ints gold, Reals draw,
          Array<const bool> fresh, Array<double> credit, Array<double> hit, Array<double> right,
          Array<double> seen, int64_t n_classes, bool one) {
    const int64_t n = size(label), n_tasks = size(gold);
    require(size(ptr) == n_tasks + 1, "ptr: one more than gold");
    require(size(worker) == n && size(credit) == n, "worker, credit: one an answer");
    require(size(weight) == n || size(weight) == 0, "weight: as many as answers, or none");
    require(size(draw) == n_tasks || size(draw) == 0, "draw: one a task, or none");
    require(size(fresh) == n || size(fresh) == 0, "fresh: as many as answers, or none");
    require(size(hit) == n || size(hit) == 0, "hit: as many as answers, or none");
    require(size(right) == size(seen), "right, seen: one a worker");
    require(n_classes >= 0, "n_classes: at least 0");
    const Stream stream{order.data(),  ptr.data(), label.data(),  worker.data(), given(weight),
                        gold.data(),   given(draw), given(fresh), size(order),   n_tasks,
                        n,             size(right), n_classes,    one};
    nb::gil_scoped_release release;
    check(loops().stream->read(stream, credit.data(), given(hit), right.data(), seen.data()));
}

}  // namespace

void bind_stream(nb::module_& m) {
    m.def("stream_read", read, "order"_array, "ptr"_array, "label"_array, "worker"_array,
          "weight"_array, "gold"_array, "draw"_array, "fresh"_array, "credit"_array, "hit"_array,
          "right"_array, "seen"_array, nb::kw_only(), nb::arg("n_classes"), nb::arg("one"));
}

}  // namespace peerannot
