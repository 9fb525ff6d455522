#include <cstring>

#include "families.hpp"
#include "worker_sums.hpp"

namespace peerannot {
namespace {

using Ints = Array<const int32_t>;
using Longs = Array<const int64_t>;
using Reals = Array<const double>;
using Flags = Array<const bool>;
using Table = Array<const double, 2>;
using Out = Array<double>;
using OutTable = Array<double, 2>;

constexpr int64_t per_piece = 16384;  // tasks from which another thread pays

void support(Longs ptr, Longs sizes, Ints label, Reals score, Reals winner, Ints ai_label,
             Out conf, Out total, double against, int64_t threads) {
    const int64_t n_tasks = size(sizes), n = size(label);
    require(size(ptr) == n_tasks + 1, "ptr: one more than size");
    require(size(score) == n && size(winner) == n, "label, score, winner: one a slot");
    require(size(ai_label) == n_tasks, "ai_label: one a task");
    require(size(conf) == n_tasks && size(total) == n_tasks, "conf, total: one a task");
    const Slots slots{ptr.data(), sizes.data(), label.data(), n_tasks, n};
    nb::gil_scoped_release release;
    check(over_ranges(n_tasks, per_piece, threads, [&](int64_t lo, int64_t hi) {
        return loops().reliability->support(slots, score.data(), winner.data(), ai_label.data(),
                                            against, lo, hi, conf.data(), total.data());
    }));
}

void seen(Longs ptr, Ints slot, Ints task, Ints pair, Flags authored, Flags valid, Flags right,
          Array<int8_t> out) {
    const int64_t n = size(slot), n_tasks = size(valid);
    require(size(ptr) == n_tasks + 1, "ptr: one more than valid");
    require(size(task) == n && size(pair) == n && size(authored) == n && size(right) == n,
            "slot, task, pair, authored, right: one an answer");
    const Slots slots{ptr.data(), nullptr, nullptr, n_tasks, n};
    nb::gil_scoped_release release;
    check(loops().reliability->seen(slots, slot.data(), task.data(), pair.data(), authored.data(),
                                    valid.data(), right.data(), size(out), out.data()));
}

Ballots ballots_of(const Longs& ptr, const int32_t* label, const int32_t* worker,
                   const Reals& weight, int64_t n, int64_t n_workers) {
    require(size(ptr) >= 1, "ptr: one more than tasks");
    require(size(weight) == n || size(weight) == 0, "weight: as many as answers, or none");
    return {ptr.data(), label, worker, nullptr, given(weight), size(ptr) - 1, n, n_workers};
}

void to_workers(Longs ptr, Ints slot, Reals weight, Reals message, Out out, double chance,
                int64_t threads) {
    const int64_t n = size(slot);
    const Ballots ballots = ballots_of(ptr, nullptr, nullptr, weight, n, 0);
    require(size(message) == n && size(out) == n, "slot, message, out: one an answer");
    require(ptr(0) == 0 && ptr(ballots.n_tasks) == n, "ptr: from 0 to the number of answers");
    nb::gil_scoped_release release;
    check(over_ranges(ballots.n_tasks, per_piece, threads, [&](int64_t lo, int64_t hi) {
        return loops().reliability->to_workers(ballots, slot.data(), message.data(), chance, lo,
                                               hi, out.data());
    }));
}

void errors(Ints task, Ints worker, Ints label, Reals weight, Reals score, Longs bounds, Out out,
            int64_t c, int64_t threads) {
    const int64_t n = size(task);
    require(size(worker) == n && size(label) == n, "task, worker, label: one an answer");
    require(size(weight) == n || size(weight) == 0, "weight: as many as answers, or none");
    const Ballots ballots{nullptr, label.data(), worker.data(), nullptr,
                          given(weight), size(score), n, size(out)};
    add_blocks(bounds, n, out, threads, [&](int64_t lo, int64_t hi, double* sums) {
        return loops().reliability->errors(ballots, task.data(), score.data(), c, lo, hi, sums);
    });
}

void averages(Longs ptr, Ints worker, Ints label, Reals weight, Reals precision, Out out,
              int64_t c, double pull, double mean, int64_t threads) {
    const int64_t n = size(worker);
    Ballots ballots =
        ballots_of(ptr, label.data(), worker.data(), weight, n, size(precision));
    require(size(label) == n, "worker, label: one an answer");
    require(size(out) == ballots.n_tasks, "out: one a task");
    ballots.by_worker = precision.data();
    nb::gil_scoped_release release;
    check(over_ranges(ballots.n_tasks, per_piece, threads, [&](int64_t lo, int64_t hi) {
        return loops().reliability->averages(ballots, c, pull, mean, lo, hi, out.data());
    }));
}

void agreements(Longs ptr, Ints worker, Ints label, Reals weight, OutTable agree,
                OutTable common) {
    const int64_t n = size(worker), n_workers = size(agree);
    const Ballots ballots = ballots_of(ptr, label.data(), worker.data(), weight, n, n_workers);
    require(size(label) == n, "worker, label: one an answer");
    require(size(agree, 1) == n_workers, "agree: square");
    require(size(common) == n_workers && size(common, 1) == n_workers, "common: as agree");
    nb::gil_scoped_release release;
    check(loops().reliability->agreements(ballots, agree.data(), common.data()));
}

void sweep(Longs ptr, Ints worker, Ints label, Reals weight, Ints gold, Table precision, Reals mean,
           Table given_, Longs bounds, OutTable wrong, Out mass, OutTable scores, double pull,
           int64_t threads) {
    const int64_t n = size(label), k = size(mean), n_workers = size(precision);
    const Ballots ballots = ballots_of(ptr, label.data(), worker.data(), weight, n, n_workers);
    const int64_t n_tasks = ballots.n_tasks, n_blocks = size(bounds) - 1;
    require(size(worker) == n, "worker, label: one an answer");
    require(size(gold) == n_tasks, "gold: one a task");
    require(k >= 1 && size(precision, 1) == k && size(mass) == k, "precision, mass: as mean");
    require(size(given_, 1) == k && (size(given_) == n_tasks || size(given_) == 0),
            "given: a row a task, or none");
    require(size(wrong, 1) == k && (size(wrong) == n_workers || size(wrong) == 0),
            "wrong: a row a worker, or none");
    require(size(scores, 1) == k && (size(scores) == n_tasks || size(scores) == 0),
            "scores: a row a task, or none");
    check_bounds(bounds, n_tasks);
    const Sweep all{ballots, gold.data(), precision.data(), mean.data(), given(given_), pull, k};
    nb::gil_scoped_release release;
    const int64_t each = size(wrong) * k;
    Room<double> sums(n_blocks * (each + k));
    check(over_blocks(n_blocks, threads, [&](int64_t b) {
        double* const own = sums + b * (each + k);
        std::memset(own, 0, size_t(each + k) * sizeof(double));
        SweepSums to{each ? own : nullptr, own + each, given(scores)};
        return loops().reliability->sweep(all, bounds(b), bounds(b + 1), to);
    }));
    for (int64_t c = 0; c < each + k; c++) {
        double total = sums[c];
        for (int64_t b = 1; b < n_blocks; b++) total += sums[b * (each + k) + c];
        (c < each ? wrong.data()[c] : mass.data()[c - each]) = total;
    }
}

void trimmed(Table centred, Table common, Reals now, Out out, double trim, int64_t threads) {
    const int64_t n = size(now);
    require(size(centred) == n && size(centred, 1) == n, "centred: (workers, workers)");
    require(size(common) == n && size(common, 1) == n, "common: (workers, workers)");
    require(size(out) == n, "now, out: one a worker");
    require(trim >= 0 && trim <= 1, "trim: from 0 to 1");
    nb::gil_scoped_release release;
    check(over_ranges(n, 16, threads, [&](int64_t lo, int64_t hi) {
        return loops().reliability->trimmed(centred.data(), common.data(), now.data(), trim, n, lo,
                                            hi, out.data());
    }));
}

}  // namespace

void bind_reliability(nb::module_& m) {
    m.def("reliability_support", support, "ptr"_array, "size"_array, "label"_array, "score"_array,
          "winner"_array, "ai_label"_array, "conf"_array, "total"_array, nb::kw_only(),
          nb::arg("against"), nb::arg("threads"));
    m.def("reliability_seen", seen, "ptr"_array, "slot"_array, "task"_array, "pair"_array,
          "authored"_array, "valid"_array, "right"_array, "out"_array);
    m.def("reliability_to_workers", to_workers, "ptr"_array, "slot"_array, "weight"_array,
          "message"_array, "out"_array, nb::kw_only(), nb::arg("chance"), nb::arg("threads"));
    m.def("reliability_errors", errors, "task"_array, "worker"_array, "label"_array,
          "weight"_array, "score"_array, "bounds"_array, "out"_array, nb::kw_only(), nb::arg("c"),
          nb::arg("threads"));
    m.def("reliability_averages", averages, "ptr"_array, "worker"_array, "label"_array,
          "weight"_array, "precision"_array, "out"_array, nb::kw_only(), nb::arg("c"),
          nb::arg("pull"), nb::arg("mean"), nb::arg("threads"));
    m.def("reliability_sweep", sweep, "ptr"_array, "worker"_array, "label"_array, "weight"_array,
          "gold"_array, "precision"_array, "mean"_array, "given"_array, "bounds"_array,
          "wrong"_array, "mass"_array, "scores"_array, nb::kw_only(), nb::arg("pull"),
          nb::arg("threads"));
    m.def("reliability_agreements", agreements, "ptr"_array, "worker"_array, "label"_array,
          "weight"_array, "agree"_array, "common"_array);
    m.def("reliability_trimmed", trimmed, "centred"_array, "common"_array, "now"_array,
          "out"_array, nb::kw_only(), nb::arg("trim"), nb::arg("threads"));
}

}  // namespace peerannot
