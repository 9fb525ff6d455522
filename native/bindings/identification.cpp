#include "arrays.hpp"
#include "families.hpp"
#include "threads.hpp"
#include "worker_votes.hpp"

namespace peerannot {
namespace {

using Table = Array<const double, 2>;
using Matrices = Array<const double, 3>;

void check_model(const WorkerVotes& votes, const Matrices& confusion) {
    require(size(confusion) == votes.n_workers && size(confusion, 1) == votes.k &&
                size(confusion, 2) == votes.k,
            "confusion matrices: (workers, classes, classes)");
}

void evidence(Longs task_ptr, Ints task, Ints worker, Ints label, Longs order, Longs worker_ptr,
              Longs bounds, Longs ptr, Ints second, Array<const double> log_prior,
              Matrices confusion, Matrices log_confusion, Array<const double> share,
              Array<int64_t> agreements, Array<double> expected, Array<double, 2> log_ratio,
              int64_t threads) {
    const int64_t k = size(log_prior);
    const WorkerVotes votes = worker_votes(task_ptr, task, worker, order, worker_ptr, label, k);
    check_blocks(bounds, votes.n_workers);
    const PairRows pairs = pair_rows(ptr, second, votes.n_workers);
    check_model(votes, confusion);
    check_model(votes, log_confusion);
    require(size(agreements) == pairs.n && size(expected) == pairs.n && size(log_ratio) == pairs.n,
            "agreements, expected, log_ratio: one a pair");
    require(size(log_ratio, 1) == size(share), "log_ratio: a column a share");
    const Confusions model{confusion.data(), log_confusion.data(), k};
    const PairEvidence to{share.data(), size(share), agreements.data(), expected.data(),
                          log_ratio.data()};
    nb::gil_scoped_release release;
    require_fit(votes, pairs);
    Room<double> score(votes.n_tasks * k);
    over_ranges(votes.n_tasks, 4096, threads, [&](int64_t lo, int64_t hi) {
        loops().identification->scores(votes, model, log_prior.data(), lo, hi, score);
        return Status::fine;
    });
    check(over_blocks(size(bounds) - 1, threads, [&](int64_t b) {
        return loops().identification->evidence(votes, pairs, model, score, bounds(b),
                                                bounds(b + 1), to);
    }));
}

void repeats(Longs ptr, Ints task, Ints label, Table posterior, Matrices confusion,
             Array<int64_t> longest, Array<int64_t> repeats_, Array<double> expected,
             Array<double> spread, int64_t threads) {
    const int64_t n = size(longest), k = size(posterior, 1);
    require(size(ptr) == n + 1, "ptr: one more than workers");
    require(size(label) == size(task), "task, label: one an answer");
    require(size(confusion) == n && size(confusion, 1) == k && size(confusion, 2) == k,
            "confusion: (workers, classes, classes)");
    require(size(repeats_) == n && size(expected) == n && size(spread) == n,
            "longest, repeats, expected, spread: one a worker");
    nb::gil_scoped_release release;
    check(over_ranges(n, 1, threads, [&](int64_t lo, int64_t hi) {
        return loops().identification->repeats(
            ptr.data(), task.data(), label.data(), size(task), posterior.data(), size(posterior),
            confusion.data(), k, lo, hi, longest.data(), repeats_.data(), expected.data(),
            spread.data());
    }));
}

}  // namespace

void bind_identification(nb::module_& m) {
    m.def("identification_evidence", evidence, "task_ptr"_array, "task"_array, "worker"_array,
          "label"_array, "order"_array, "worker_ptr"_array, "bounds"_array, "ptr"_array,
          "second"_array, "log_prior"_array, "confusion"_array, "log_confusion"_array,
          "share"_array, "agreements"_array, "expected"_array, "log_ratio"_array, nb::kw_only(),
          nb::arg("threads"));
    m.def("identification_repeats", repeats, "ptr"_array, "task"_array, "label"_array,
          "posterior"_array, "confusion"_array, "longest"_array, "repeats"_array,
          "expected"_array, "spread"_array, nb::kw_only(), nb::arg("threads"));
}

}  // namespace peerannot
