#include <cstring>

#include "families.hpp"
#include "slot_votes.hpp"

namespace peerannot {
namespace {

using Out = Array<double>;
using OutTable = Array<double, 2>;

void start(Longs ptr, Longs sizes, Ints label, Ints slot, Ints unit, Reals weight, Ints gold,
           Longs bounds, Out right, Out mass, Out own, int64_t threads) {
    const SlotVotes votes = slot_votes_of(ptr, sizes, label, slot, weight, gold);
    const int64_t n_units = size(right), k = size(mass);
    check_bounds(bounds, votes.n_tasks);
    require(size(unit) == votes.n_answers, "unit: one an answer");
    require(size(own) == 0 || size(own) == votes.n_answers, "own: one an answer, or none");
    nb::gil_scoped_release release;
    Room<double> total(n_units + k);
    sum_blocks(bounds, n_units + k, total, threads,
               [&](int64_t lo, int64_t hi, double* sums, double& gain) {
                   gain = 0;
                   CoinStart to{sums, k > 0 ? sums + n_units : nullptr, given(own), k};
                   return loops().coin->start(votes, unit.data(), n_units, lo, hi, to);
               });
    if (n_units > 0) std::memcpy(right.data(), total, size_t(n_units) * sizeof(double));
    if (k > 0) std::memcpy(mass.data(), total + n_units, size_t(k) * sizeof(double));
}

double step(Longs ptr, Longs sizes, Ints slot_label, Ints slot, Ints unit, Reals weight, Ints gold,
            Ints label, Reals bonus, Reals prior, Reals log_prior, Longs bounds, Out total,
            Out share, Out rest, OutTable posterior, int64_t threads) {
    const SlotVotes votes = slot_votes_of(ptr, sizes, slot_label, slot, weight, gold);
    const int64_t n_units = size(bonus), k = size(prior), n = votes.n_tasks;
    check_bounds(bounds, n);
    require(size(unit) == votes.n_answers && size(label) == votes.n_answers,
            "label, unit: one an answer");
    require(size(log_prior) == k && size(total) == n_units + k,
            "log_prior: as prior; total: one a unit and class");
    require(size(share) == 0 || (size(share) == votes.n_answers && size(rest) == n),
            "share: one an answer, with rest, one a task; or none");
    require(size(posterior) == 0 || (size(posterior) == n && size(posterior, 1) == k),
            "posterior: a row a task of a column a class, or none");
    const CoinPass pass{votes,        label.data(),     unit.data(), bonus.data(),
                        prior.data(), log_prior.data(), n_units,     k};
    nb::gil_scoped_release release;
    return sum_blocks(bounds, n_units + k, total.data(), threads,
                      [&](int64_t lo, int64_t hi, double* sums, double& gain) {
                          CoinSums to{sums, sums + n_units, given(share), given(rest),
                                      given(posterior), 0};
                          const Status status = loops().coin->step(pass, lo, hi, to);
                          gain = to.gain;
                          return status;
                      });
}

void entries(Longs ptr, Longs sizes, Ints label, Ints slot, Ints worker, Longs entry,
             Array<int64_t> code, int64_t n_classes, int64_t threads) {
    const int64_t n_tasks = size(sizes);
    require(size(ptr) == n_tasks + 1 && size(entry) == n_tasks + 1,
            "ptr, entry: one more than size");
    require(size(label) == size(slot) && size(worker) == size(slot),
            "label, slot, worker: one an answer");
    const SlotVotes votes{ptr.data(), sizes.data(), label.data(), slot.data(), nullptr, nullptr,
                          n_tasks, size(slot)};
    nb::gil_scoped_release release;
    check(over_ranges(n_tasks, 4096, threads, [&](int64_t lo, int64_t hi) {
        return loops().coin->entries(votes, worker.data(), entry.data(), size(code), n_classes, lo,
                                     hi, code.data());
    }));
}

double class_step(Longs ptr, Longs sizes, Ints label, Ints slot, Longs entry, Ints unit,
                  Reals weight, Ints gold, Reals hit, Reals miss, Reals log_prior, Longs bounds,
                  Out total, Out share, bool is_given, int64_t threads) {
    const SlotVotes votes = slot_votes_of(ptr, sizes, label, slot, weight, gold);
    const int64_t n_units = size(hit), k = size(log_prior);
    check_bounds(bounds, votes.n_tasks);
    require(size(entry) == votes.n_tasks + 1, "entry: one more than size");
    require(size(miss) == n_units && size(total) == 2 * n_units + k,
            "miss: as hit; total: two a unit and one a class");
    require(size(share) == votes.n_answers, "share: one an answer");
    const ClassCoinPass pass{votes, entry.data(), unit.data(), hit.data(), miss.data(),
                             log_prior.data(), size(unit), n_units, k, is_given};
    nb::gil_scoped_release release;
    return sum_blocks(bounds, 2 * n_units + k, total.data(), threads,
                      [&](int64_t lo, int64_t hi, double* sums, double& gain) {
                          ClassCoinSums to{sums, sums + n_units, sums + 2 * n_units, share.data(),
                                           0};
                          const Status status = loops().coin->class_step(pass, lo, hi, to);
                          gain = to.gain;
                          return status;
                      });
}

}  // namespace

void bind_coin(nb::module_& m) {
    m.def("coin_start", start, "ptr"_array, "size"_array, "slot_label"_array, "slot"_array,
          "unit"_array, "weight"_array, "gold"_array, "bounds"_array, "right"_array, "mass"_array, "own"_array,
          nb::kw_only(), nb::arg("threads"));
    m.def("coin_step", step, "ptr"_array, "size"_array, "slot_label"_array, "slot"_array,
          "unit"_array, "weight"_array, "gold"_array, "label"_array, "bonus"_array, "prior"_array,
          "log_prior"_array, "bounds"_array, "total"_array, "share"_array, "rest"_array,
          "posterior"_array, nb::kw_only(), nb::arg("threads"));
    m.def("coin_entries", entries, "ptr"_array, "size"_array, "slot_label"_array, "slot"_array,
          "worker"_array, "entry"_array, "code"_array, nb::kw_only(), nb::arg("n_classes"),
          nb::arg("threads"));
    m.def("coin_class_step", class_step, "ptr"_array, "size"_array, "slot_label"_array,
          "slot"_array, "entry"_array, "unit"_array, "weight"_array, "gold"_array, "hit"_array,
          "miss"_array, "log_prior"_array, "bounds"_array, "total"_array, "share"_array,
          nb::kw_only(), nb::arg("given"), nb::arg("threads"));
}

}  // namespace peerannot
