#include "arrays.hpp"
#include "families.hpp"
#include "threads.hpp"

namespace peerannot {
namespace {

using Ints = Array<const int32_t>;
using Longs = Array<const int64_t>;
using Reals = Array<const double>;
using Table = Array<const double, 2>;
using OutTable = Array<double, 2>;

Votes votes_of(const Longs& task_ptr, const Ints& pair, const Reals& weight, const Ints& gold,
               int64_t n_pairs) {
    const int64_t n_tasks = size(gold), n = size(pair);
    require(size(task_ptr) == n_tasks + 1, "task_ptr: one more than gold");
    require(size(weight) == n || size(weight) == 0, "weight: as many as answers, or none");
    return {task_ptr.data(), pair.data(), given(weight), gold.data(), n_tasks, n, n_pairs};
}

// Room for the sums of each block, and what they add up to.
struct Blocks {
    const Longs& bounds;
    int64_t n, n_pairs, k;
    Room<double> counts, masses;
    Room<double> gains;
    double* posterior;
    bool counted;

    Blocks(const Longs& bounds, int64_t n_pairs, int64_t k, bool counted, double* posterior)
        : bounds(bounds), n(size(bounds) - 1), n_pairs(n_pairs), k(k),
          counts(counted ? n * n_pairs * row_width(k) : 0), masses(n * k), gains(n),
          posterior(posterior), counted(counted) {}

    // Run `pass(lo, hi, sums)` for each block, and add up in the order of blocks.
    template <class One>
    double run(const One& pass, double* total, double* mass, int64_t threads) {
        const int64_t each = n_pairs * row_width(k);
        check(over_blocks(n, threads, [&](int64_t b) {
            Sums sums{counted ? counts + b * each : nullptr, masses + b * k, posterior, 0};
            if (counted) std::memset(sums.counts, 0, size_t(each) * sizeof(double));
            std::memset(sums.mass, 0, size_t(k) * sizeof(double));
            const Status status = pass(bounds(b), bounds(b + 1), sums);
            gains[b] = sums.gain;
            return status;
        }));
        if (counted)
            check(over_ranges(n_pairs, 4096 / k, threads, [&](int64_t lo, int64_t hi) {
                loops().confusion->add_up(counts, n, n_pairs, k, lo, hi, total);
                return Status::fine;
            }));
        double gain = 0;
        std::memset(mass, 0, size_t(k) * sizeof(double));
        for (int64_t b = 0; b < n; b++) {
            gain += gains[b];
            for (int64_t c = 0; c < k; c++) mass[c] += masses[b * k + c];
        }
        return gain;
    }
};

void check_sums(const OutTable& counts, int64_t n_pairs, const Array<double>& mass, int64_t k,
                const OutTable& posterior, int64_t n_tasks) {
    require(k >= 1, "mass: at least one column");
    require(size(counts, 1) == k && size(posterior, 1) == k, "a column of each for each of mass");
    require(size(counts) == n_pairs || size(counts) == 0, "counts: a row a pair, or none");
    require(size(posterior) == n_tasks || size(posterior) == 0, "posterior: a row a task, or none");
}

double em(Longs task_ptr, Ints pair, Reals weight, Ints gold, Table table, Reals log_prior,
          Longs bounds, OutTable counts, Array<double> mass, OutTable posterior, bool single,
          bool hard, int64_t parts, int64_t threads) {
    const int64_t n_pairs = size(table), k = size(log_prior);
    const Votes votes = votes_of(task_ptr, pair, weight, gold, n_pairs);
    check_bounds(bounds, votes.n_tasks);
    require(size(table, 1) == k && size(mass) == k, "a column of table and mass for each class");
    require(parts >= 1 && k % parts == 0, "parts: as many for each class");
    check_sums(counts, n_pairs, mass, k, posterior, votes.n_tasks);
    nb::gil_scoped_release release;
    // Wide double rows are read where they are.
    const bool laid_out = single || k <= most_in_registers;
    const int64_t n_laid = laid_out ? n_pairs * row_width(k) : 0;
    Room<double> room(single ? n_laid / 2 + 1 : n_laid);
    if (laid_out)
        check(over_ranges(n_pairs, 16384 / k, threads, [&](int64_t lo, int64_t hi) {
            loops().confusion->lay_out(table.data(), lo, hi, k, single, room);
            return Status::fine;
        }));
    const Pass pass{votes, laid_out ? room : table.data(), log_prior.data(), k, parts, single, hard};
    Blocks blocks(bounds, n_pairs, k, size(counts) > 0, given(posterior));
    return blocks.run(
        [&](int64_t lo, int64_t hi, Sums& sums) {
            return loops().confusion->em(pass, lo, hi, sums);
        },
        counts.data(), mass.data(), threads);
}

void start(Longs task_ptr, Ints pair, Ints label, Reals weight, Ints gold, Table given_, Longs bounds,
           OutTable counts, Array<double> mass, OutTable posterior, int64_t n_pairs,
           int64_t threads) {
    const int64_t k = size(mass);
    require(n_pairs >= 0 && n_pairs <= INT32_MAX, "n_pairs: from 0 to 2**31 - 1");
    const Votes votes = votes_of(task_ptr, pair, weight, gold, n_pairs);
    check_bounds(bounds, votes.n_tasks);
    require(size(label) == votes.n_answers, "label: one an answer");
    require(size(given_, 1) == k && (size(given_) == votes.n_tasks || size(given_) == 0),
            "given: a row a task, or none");
    check_sums(counts, n_pairs, mass, k, posterior, votes.n_tasks);
    nb::gil_scoped_release release;
    Blocks blocks(bounds, n_pairs, k, size(counts) > 0, given(posterior));
    blocks.run(
        [&](int64_t lo, int64_t hi, Sums& sums) {
            return loops().confusion->start(votes, label.data(), given(given_), k, lo, hi, sums);
        },
        counts.data(), mass.data(), threads);
}

void gather(Ints order, Longs order_ptr, Ints task, Reals weight, Table posterior, OutTable counts,
            int64_t threads) {
    const int64_t n = size(order), n_pairs = size(counts), k = size(counts, 1);
    require(size(order_ptr) == n_pairs + 1, "order_ptr: one more than rows of counts");
    require(size(task) == n, "task: one an answer");
    require(size(weight) == n || size(weight) == 0, "weight: as many as answers, or none");
    require(size(posterior, 1) == k, "posterior: the columns of counts");
    const Votes votes{nullptr, nullptr, given(weight), nullptr, size(posterior), n, n_pairs};
    nb::gil_scoped_release release;
    check(over_ranges(n_pairs, 1, threads, [&](int64_t lo, int64_t hi) {
        return loops().confusion->gather(votes, order.data(), order_ptr.data(), task.data(),
                                         posterior.data(), k, lo, hi, counts.data());
    }));
}

void positions(Ints code, Array<int32_t> order, Array<int64_t> ptr) {
    require(size(order) == size(code), "order: as many as codes");
    require(size(ptr) >= 1, "ptr: one more than kinds of codes");
    nb::gil_scoped_release release;
    check(loops().confusion->positions(code.data(), size(code), size(ptr) - 1, order.data(),
                                       ptr.data()));
}

void expected(Longs ptr, Longs order, Ints task, Ints label, Reals weight, Table posterior,
              Array<double, 3> counts, int64_t threads) {
    const int64_t n = size(task), n_rows = size(counts), k = size(posterior, 1);
    require(size(ptr) == n_rows + 1, "ptr: one more than matrices of counts");
    require(size(order) == n && size(label) == n, "order, label: one an answer");
    require(size(weight) == n || size(weight) == 0, "weight: as many as answers, or none");
    require(size(counts, 1) == k && size(counts, 2) == k, "counts: (n, K, K)");
    nb::gil_scoped_release release;
    check(over_ranges(n_rows, 1, threads, [&](int64_t lo, int64_t hi) {
        return loops().confusion->expected(ptr.data(), order.data(), task.data(), label.data(),
                                           given(weight), posterior.data(), n, size(posterior), k,
                                           lo, hi, counts.data());
    }));
}

}  // namespace

void bind_confusion(nb::module_& m) {
    m.def("confusion_em", em, "task_ptr"_array, "pair"_array, "weight"_array, "gold"_array,
          "table"_array, "log_prior"_array, "bounds"_array, "counts"_array, "mass"_array,
          "posterior"_array, nb::kw_only(), nb::arg("single"), nb::arg("hard"), nb::arg("parts"),
          nb::arg("threads"));
    m.def("confusion_start", start, "task_ptr"_array, "pair"_array, "label"_array, "weight"_array,
          "gold"_array, "given"_array, "bounds"_array, "counts"_array, "mass"_array,
          "posterior"_array, nb::kw_only(), nb::arg("n_pairs"), nb::arg("threads"));
    m.def("confusion_gather", gather, "order"_array, "order_ptr"_array, "task"_array,
          "weight"_array, "posterior"_array, "counts"_array, nb::kw_only(), nb::arg("threads"));
    m.def("confusion_positions", positions, "code"_array, "order"_array, "ptr"_array);
    m.def("confusion_expected", expected, "ptr"_array, "order"_array, "task"_array,
          "label"_array, "weight"_array, "posterior"_array, "counts"_array, nb::kw_only(),
          nb::arg("threads"));
}

}  // namespace peerannot
