#include "arrays.hpp"
#include "families.hpp"
#include "worker_sums.hpp"

namespace peerannot {
namespace {

using Ints = Array<const int32_t>;
using Longs = Array<const int64_t>;
using Reals = Array<const double>;
using Out = Array<double>;
using OutTable = Array<double, 2>;

constexpr int64_t per_piece = 65536;  // answers from which another thread pays

// work(lo, hi) over tasks.
template <class Work>
void over_tasks(int64_t n_tasks, int64_t n, int64_t threads, const Work& work) {
    check(over_ranges(n_tasks, n_tasks * per_piece / (n + n_tasks + 1) + 1, threads, work));
}

Ballots ballots_of(const Longs& ptr, const Ints& label, const Ints& worker, const Reals& by_worker,
                   const Reals& by_answer) {
    const int64_t n = size(worker);
    require(size(ptr) >= 1, "ptr: one more than tasks");
    require(size(by_answer) == n || size(by_answer) == 0, "by_answer: as many as answers, or none");
    return {ptr.data(), label.data(), worker.data(), given(by_worker), given(by_answer),
            size(ptr) - 1, n, size(by_worker)};
}

// Loops that set what has a value a slot set all of it.
Slots slots_of(const Longs& ptr, const Longs& sizes, const int32_t* label, int64_t n) {
    const int64_t n_tasks = size(sizes);
    require(size(ptr) == n_tasks + 1, "ptr: one more than size");
    require(ptr(0) == 0 && ptr(n_tasks) == n, "ptr: from 0 to the number of slots");
    return {ptr.data(), sizes.data(), label, n_tasks, n};
}

void vote(Longs ptr, Ints label, Ints worker, Reals by_worker, Reals by_answer, Reals draw,
          OutTable posterior, Array<int32_t> labels, Out confidence, Out entropy, bool abstain,
          bool hard, bool decided, int64_t threads) {
    const Ballots ballots = ballots_of(ptr, label, worker, by_worker, by_answer);
    const int64_t n = ballots.n_tasks, k = size(posterior, 1);
    require(size(label) == ballots.n_answers, "label: one an answer");
    require(size(draw) == n || size(draw) == 0, "draw: one a task, or none");
    require(k >= 1, "posterior: at least one column");
    require(size(posterior) == n && size(labels) == n, "posterior, labels: one a task");
    require(size(confidence) == n && size(entropy) == n, "confidence, entropy: one a task");
    const VoteRule rule{given(draw), abstain, hard, decided};
    const Verdict to{posterior.data(), k, labels.data(), confidence.data(), entropy.data()};
    nb::gil_scoped_release release;
    over_tasks(n, size(label) + n * k, threads, [&](int64_t lo, int64_t hi) {
        return loops().votes->vote(ballots, rule, lo, hi, to);
    });
}

void scores(Longs ptr, Ints slot, Ints worker, Reals by_worker, Reals by_answer, Out out,
            int64_t threads) {
    const int64_t n = size(worker);
    const Ballots ballots = ballots_of(ptr, slot, worker, by_worker, by_answer);
    require(size(slot) == n && size(out) == n, "slot, out: one an answer");
    require(ptr(0) == 0 && ptr(ballots.n_tasks) == n, "ptr: from 0 to the number of answers");
    nb::gil_scoped_release release;
    over_tasks(ballots.n_tasks, n, threads, [&](int64_t lo, int64_t hi) {
        return loops().votes->scores(ballots, slot.data(), lo, hi, out.data());
    });
}

void winners(Longs ptr, Longs sizes, Reals score, Out out, int64_t n_classes, double zero,
             bool shares, int64_t threads) {
    const Slots slots = slots_of(ptr, sizes, nullptr, size(out));
    require(size(score) == slots.n, "score: one a slot");
    nb::gil_scoped_release release;
    over_tasks(slots.n_tasks, slots.n, threads, [&](int64_t lo, int64_t hi) {
        return loops().votes->winners(slots, score.data(), n_classes, zero, shares, lo, hi,
                                      out.data());
    });
}

void one_hot(Longs ptr, Longs sizes, Ints label, Ints chosen, Out out, int64_t threads) {
    const Slots slots = slots_of(ptr, sizes, label.data(), size(out));
    require(size(label) == slots.n, "label: one a slot");
    require(size(chosen) == slots.n_tasks, "chosen: one a task");
    nb::gil_scoped_release release;
    over_tasks(slots.n_tasks, slots.n, threads, [&](int64_t lo, int64_t hi) {
        return loops().votes->one_hot(slots, chosen.data(), lo, hi, out.data());
    });
}

void values(Longs ptr, Longs sizes, Ints label, Array<const double, 2> posterior, Out out,
            int64_t threads) {
    const Slots slots = slots_of(ptr, sizes, label.data(), size(out));
    require(size(label) == slots.n, "label: one a slot");
    require(size(posterior) == slots.n_tasks, "posterior: a row a task");
    nb::gil_scoped_release release;
    over_tasks(slots.n_tasks, slots.n, threads, [&](int64_t lo, int64_t hi) {
        return loops().votes->values(slots, posterior.data(), size(posterior, 1), lo, hi,
                                     out.data());
    });
}

void right(Longs ptr, Ints label, Ints worker, Reals by_worker, Reals by_answer, Reals draw,
           Ints gold, Longs bounds, Out out, int64_t n_classes, bool decided, bool majority,
           int64_t threads) {
    Ballots ballots = ballots_of(ptr, label, worker, by_worker, by_answer);
    const int64_t n = ballots.n_tasks, n_workers = size(out);
    require(size(label) == ballots.n_answers, "label: one an answer");
    require(size(by_worker) == n_workers || size(by_worker) == 0, "by_worker: as out, or none");
    require(size(gold) == n, "gold: one a task");
    require(size(draw) == n || size(draw) == 0, "draw: one a task, or none");
    require(n_classes >= 0, "n_classes: at least 0");
    ballots.n_workers = n_workers;
    const RightRule rule{given(draw), gold.data(), n_classes, decided, majority};
    add_blocks(bounds, n, out, threads, [&](int64_t lo, int64_t hi, double* sums) {
        return loops().votes->right(ballots, rule, lo, hi, sums);
    });
}

void worker_sums(Longs ptr, Ints slot, Ints task, Ints worker, Reals weight, Reals value,
                 Longs bounds, Out out, int64_t threads) {
    const int64_t n = size(value), n_workers = size(out);
    require(size(ptr) >= 1, "ptr: one more than tasks");
    require(size(slot) == n && size(task) == n && size(worker) == n, "an answer for each slot");
    require(size(weight) == n || size(weight) == 0, "weight: as many as answers, or none");
    const Slots slots{ptr.data(), nullptr, nullptr, size(ptr) - 1, n};
    add_blocks(bounds, n, out, threads, [&](int64_t lo, int64_t hi, double* sums) {
        return loops().votes->worker_sums(slots, slot.data(), task.data(), worker.data(),
                                          given(weight), value.data(), n_workers, lo, hi, sums);
    });
}

void confidence(Longs ptr, Longs sizes, Reals share, Reals winner, Out confidence, Out entropy,
                int64_t threads) {
    const Slots slots = slots_of(ptr, sizes, nullptr, size(share));
    require(size(winner) == slots.n, "winner: one a slot");
    require(size(confidence) == slots.n_tasks && size(entropy) == slots.n_tasks,
            "confidence, entropy: one a task");
    nb::gil_scoped_release release;
    over_tasks(slots.n_tasks, slots.n, threads, [&](int64_t lo, int64_t hi) {
        return loops().votes->confidence(slots, share.data(), winner.data(), lo, hi,
                                         confidence.data(), entropy.data());
    });
}

void dense(Longs ptr, Longs sizes, Ints label, Reals share, Reals rest, Reals prior, OutTable out,
           int64_t threads) {
    const Slots slots = slots_of(ptr, sizes, label.data(), size(share));
    const int64_t n = slots.n_tasks, k = size(out, 1);
    require(size(label) == slots.n, "label: one a slot");
    require(size(out) == n && size(prior) == k, "out: a row a task, a column for each of prior");
    require(size(rest) == n || size(rest) == 0, "rest: one a task, or none");
    nb::gil_scoped_release release;
    over_tasks(n, slots.n + n * k, threads, [&](int64_t lo, int64_t hi) {
        return loops().votes->dense(slots, share.data(), given(rest), prior.data(), k, lo, hi,
                                    out.data());
    });
}

void pick(Longs ptr, Longs sizes, Ints label, Reals score, Reals draw, Array<int32_t> out,
          bool abstain, int64_t threads) {
    const int64_t n_tasks = size(out), n = size(score), k = n_tasks ? n / n_tasks : 0;
    const bool ragged = size(ptr) > 0;
    require(ragged || k * n_tasks == n, "score: as many for each row");
    require(size(draw) == n_tasks || size(draw) == 0, "draw: one a row, or none");
    const Slots slots = ragged ? slots_of(ptr, sizes, given(label), n)
                               : Slots{nullptr, nullptr, nullptr, n_tasks, n};
    require(slots.n_tasks == n_tasks, "size: one a row");
    require(!slots.label || size(label) == n, "label: one a score, or none");
    nb::gil_scoped_release release;
    over_tasks(n_tasks, n, threads, [&](int64_t lo, int64_t hi) {
        return loops().votes->pick(slots, k, score.data(), given(draw), abstain, lo, hi,
                                   out.data());
    });
}

}  // namespace

void bind_votes(nb::module_& m) {
    m.def("votes_vote", vote, "ptr"_array, "label"_array, "worker"_array, "by_worker"_array,
          "by_answer"_array, "draw"_array, "posterior"_array, "labels"_array, "confidence"_array,
          "entropy"_array, nb::kw_only(), nb::arg("abstain"), nb::arg("hard"), nb::arg("decided"),
          nb::arg("threads"));
    m.def("votes_scores", scores, "ptr"_array, "slot"_array, "worker"_array, "by_worker"_array,
          "by_answer"_array, "out"_array, nb::kw_only(), nb::arg("threads"));
    m.def("votes_winners", winners, "ptr"_array, "size"_array, "score"_array, "out"_array,
          nb::kw_only(), nb::arg("n_classes"), nb::arg("zero"), nb::arg("shares"),
          nb::arg("threads"));
    m.def("votes_one_hot", one_hot, "ptr"_array, "size"_array, "label"_array, "chosen"_array,
          "out"_array, nb::kw_only(), nb::arg("threads"));
    m.def("votes_values", values, "ptr"_array, "size"_array, "label"_array, "posterior"_array,
          "out"_array, nb::kw_only(), nb::arg("threads"));
    m.def("votes_worker_sums", worker_sums, "ptr"_array, "slot"_array, "task"_array,
          "worker"_array, "weight"_array, "value"_array, "bounds"_array, "out"_array,
          nb::kw_only(), nb::arg("threads"));
    m.def("votes_right", right, "ptr"_array, "label"_array, "worker"_array, "by_worker"_array,
          "by_answer"_array, "draw"_array, "gold"_array, "bounds"_array, "out"_array,
          nb::kw_only(), nb::arg("n_classes"), nb::arg("decided"), nb::arg("majority"),
          nb::arg("threads"));
    m.def("votes_confidence", confidence, "ptr"_array, "size"_array, "share"_array,
          "winner"_array, "confidence"_array, "entropy"_array, nb::kw_only(), nb::arg("threads"));
    m.def("votes_dense", dense, "ptr"_array, "size"_array, "label"_array, "share"_array,
          "rest"_array, "prior"_array, "out"_array, nb::kw_only(), nb::arg("threads"));
    m.def("votes_pick", pick, "ptr"_array, "size"_array, "label"_array, "score"_array,
          "draw"_array, "out"_array, nb::kw_only(), nb::arg("abstain"), nb::arg("threads"));
}

}  // namespace peerannot
