#include <cstring>

#include "families.hpp"
#include "slot_votes.hpp"

namespace peerannot {
namespace {

using Table = Array<const double, 2>;
using Out = Array<double>;
using OutTable = Array<double, 2>;
using Cube = Array<const double, 3>;
using OutCube = Array<double, 3>;

constexpr int64_t most_joint = 1 << 21;  // bytes of rows of models that go through answers at once

void em(Longs task_ptr, Ints pair, Reals weight, Ints gold, Cube table, Cube slope, Table log_prior,
        Table own, Table own_too, Longs bounds, OutCube counts, OutTable mass, OutTable posterior,
        OutTable posterior_too, Out change, bool single, int64_t threads) {
    const int64_t n_tasks = size(gold), n = size(pair), n_pairs = size(table, 1);
    const int64_t n_models = size(log_prior), k = size(log_prior, 1);
    require(n_models == 1 || n_models == most_together, "log_prior: a row a model, of one or two");
    require(k >= 1, "log_prior: at least one class");
    require(size(task_ptr) == n_tasks + 1, "task_ptr: one more than gold");
    require(size(weight) == n || size(weight) == 0, "weight: as many as answers, or none");
    require(size(table) == n_models && size(table, 2) == k && size(slope) == n_models &&
                size(slope, 1) == n_pairs && size(slope, 2) == k,
            "table, slope: a row a pair, a column a class, of each model");
    require(size(mass) == n_models && size(mass, 1) == k, "mass: one a class, of each model");
    require(size(change) == n_models, "change: one a model");
    const int64_t n_too = n_models == 2 ? n_tasks : 0;
    require(size(own) == n_tasks && size(own, 1) == k && size(posterior) == n_tasks &&
                size(posterior, 1) == k && size(own_too) == n_too && size(own_too, 1) == k &&
                size(posterior_too) == n_too && size(posterior_too, 1) == k,
            "own, posterior: a row a task, a column a class, of each model");
    require(size(counts) == n_models && size(counts, 2) == k &&
                (size(counts, 1) == n_pairs || size(counts, 1) == 0),
            "counts: a row a pair, or none, of each model");
    check_bounds(bounds, n_tasks);
    const Votes votes{task_ptr.data(), pair.data(), given(weight), gold.data(), n_tasks, n, n_pairs};
    nb::gil_scoped_release release;
    const double* const owns[] = {own.data(), own_too.data()};
    double* const posteriors[] = {posterior.data(), posterior_too.data()};
    const bool counted = size(counts, 1) > 0;
    // Rows that registers hold, and the cache, are those of all models; else one goes after the
    // other.
    const int64_t all_rows = n_pairs * apart_width(k) * n_models * 16;
    const int64_t together = k > most_in_registers || all_rows > most_joint ? 1 : n_models;
    const int64_t w = apart_width(k) * together, n_blocks = size(bounds) - 1;
    const int64_t each = counted ? n_pairs * w : 0, n_mass = together * k;
    Room<double> rows(single ? n_pairs * w + 1 : n_pairs * 2 * w);
    Room<double> blocks(n_blocks * each), masses(n_blocks * n_mass), changes(n_blocks * together);
    for (int64_t m = 0; m < n_models; m += together) {
        const int64_t from = m * n_pairs * k;
        check(over_ranges(n_pairs, 16384 / w + 1, threads, [&](int64_t lo, int64_t hi) {
            loops().apart->lay_out(table.data() + from, slope.data() + from, n_pairs, lo, hi, k,
                                   together, single, rows);
            return Status::fine;
        }));
        ApartPass pass{votes, rows, log_prior.data() + m * k, {}, k, together, single};
        ApartSums blank{nullptr, nullptr, {}, {}};
        for (int64_t s = 0; s < together; s++) {
            pass.own[s] = owns[m + s];
            blank.posterior[s] = posteriors[m + s];
        }
        check(over_blocks(n_blocks, threads, [&](int64_t b) {
            ApartSums sums = blank;
            sums.counts = counted ? blocks + b * each : nullptr;
            sums.mass = masses + b * n_mass;
            if (counted) std::memset(sums.counts, 0, size_t(each) * sizeof(double));
            std::memset(sums.mass, 0, size_t(n_mass) * sizeof(double));
            const Status status = loops().apart->em(pass, bounds(b), bounds(b + 1), sums);
            for (int64_t s = 0; s < together; s++) changes[b * together + s] = sums.change[s];
            return status;
        }));
        if (counted)
            check(over_ranges(n_pairs, 4096 / k + 1, threads, [&](int64_t lo, int64_t hi) {
                loops().apart->add_up(blocks, n_blocks, n_pairs, k, together, lo, hi,
                                      counts.data() + from);
                return Status::fine;
            }));
        loops().coin->add_up(masses, n_blocks, n_mass, 0, n_mass, mass.data() + m * k);
        loops().coin->add_up(changes, n_blocks, together, 0, together, change.data() + m);
    }
}

double coin(Longs ptr, Longs sizes, Ints slot_label, Ints slot, Ints label, Ints unit, Reals weight,
            Ints gold, Table bonus, Reals prior, Reals log_prior, Reals own, Longs bounds, Out total, Out after,
            Out share, Out rest, OutTable posterior, int64_t threads) {
    const SlotVotes votes = slot_votes_of(ptr, sizes, slot_label, slot, weight, gold);
    const int64_t n_units = size(bonus), k = size(prior), n = votes.n_tasks;
    check_bounds(bounds, n);
    require(size(bonus, 1) == 3, "bonus: three a unit");
    require(size(label) == votes.n_answers && size(unit) == votes.n_answers && size(own) == votes.n_answers &&
                size(after) == votes.n_answers,
            "label, unit, own, after: one an answer");
    require(size(log_prior) == k && size(total) == n_units + k,
            "log_prior: as prior; total: one a unit and class");
    require(size(share) == 0 || (size(share) == votes.n_answers && size(rest) == n),
            "share: one an answer, with rest, one a task; or none");
    require(size(posterior) == 0 || (size(posterior) == n && size(posterior, 1) == k),
            "posterior: a row a task of a column a class, or none");
    nb::gil_scoped_release release;
    const double* const b = bonus.data();
    Room<double> line(votes.weight ? 0 : n_units * 2);
    for (int64_t u = 0; u < n_units && !votes.weight; u++) {
        line[2 * u] = b[3 * u] + b[3 * u + 1];
        line[2 * u + 1] = b[3 * u + 2] - b[3 * u + 1];
    }
    const ApartCoinPass pass{votes, label.data(), unit.data(), b, line, prior.data(),
                             log_prior.data(), own.data(), n_units, k};
    return sum_blocks(bounds, n_units + k, total.data(), threads,
                      [&](int64_t lo, int64_t hi, double* sums, double& change) {
                          ApartCoinSums to{sums, sums + n_units, after.data(), given(posterior),
                                           given(share), given(rest), 0};
                          const Status status = loops().apart->coin(pass, lo, hi, to);
                          change = to.change;
                          return status;
                      });
}

}  // namespace

void bind_apart(nb::module_& m) {
    m.def("apart_em", em, "task_ptr"_array, "pair"_array, "weight"_array, "gold"_array,
          "table"_array, "slope"_array, "log_prior"_array, "own"_array, "own_too"_array,
          "bounds"_array, "counts"_array, "mass"_array, "posterior"_array, "posterior_too"_array,
          "change"_array, nb::kw_only(), nb::arg("single"), nb::arg("threads"));
    m.def("apart_coin", coin, "ptr"_array, "size"_array, "slot_label"_array, "slot"_array,
          "label"_array, "unit"_array, "weight"_array, "gold"_array, "bonus"_array, "prior"_array,
          "log_prior"_array, "own"_array, "bounds"_array, "total"_array, "after"_array,
          "share"_array, "rest"_array, "posterior"_array, nb::kw_only(), nb::arg("threads"));
}

}  // namespace peerannot
