#include <cstring>

#include "arrays.hpp"
#include "families.hpp"
#include "threads.hpp"

namespace peerannot {
namespace {

using Ints = Array<const int32_t>;
using Longs = Array<const int64_t>;
using Reals = Array<const double>;
using Table = Array<const double, 2>;
using Cube = Array<const double, 3>;
using OutTable = Array<double, 2>;

// The counts, and the types with the sums of their rows.
class Types {
public:
    Types(const Longs& ptr, const Ints& label, const Table& counts, const Cube& rows)
        : k(size(rows, 2)), n_types(size(rows)), n_workers(size(ptr) - 1),
          log_gamma(n_types * k * k), digamma(n_types * k * k), total(n_types * k),
          total_log_gamma(n_types * k), total_digamma(n_types * k) {
        for (int64_t m = 0; m < n_types; m++)
            for (int64_t c = 0; c < k; c++) {
                total[m * k + c] = 0;
                for (int64_t l = 0; l < k; l++)
                    total[m * k + c] += rows.data()[(m * k + l) * k + c];
            }
        of = {ptr.data(), label.data(), counts.data(), rows.data(), log_gamma, digamma, total,
              total_log_gamma, total_digamma, n_workers, size(label), k, n_types};
    }
    void with_gammas() {
        loops().types->gammas(of.begun, n_types * k * k, log_gamma, digamma);
        loops().types->gammas(total, n_types * k, total_log_gamma, total_digamma);
    }

    int64_t k, n_types, n_workers;
    Room<double> log_gamma, digamma, total, total_log_gamma, total_digamma;
    TypesOf of;
};

void check_types(const Longs& ptr, const Ints& label, const Table& counts, const Cube& rows,
                 int64_t n_membership, int64_t n_columns) {
    const int64_t k = size(rows, 2);
    require(size(ptr) >= 1, "ptr: one more than workers");
    require(k >= 1 && size(rows, 1) == k, "rows: (types, K, K)");
    require(size(counts) == size(label) && size(counts, 1) == k, "counts: a row a pair");
    require(n_membership == size(ptr) - 1 && n_columns == size(rows),
            "membership: a row a worker, a column a type");
}

void membership(Longs ptr, Ints label, Table counts, Cube rows, Reals log_share, Longs bounds,
                OutTable membership, Array<double, 3> met, OutTable spent, int64_t threads) {
    check_types(ptr, label, counts, rows, size(membership), size(membership, 1));
    const int64_t k = size(rows, 2), n_types = size(rows), n_blocks = size(bounds) - 1;
    require(size(log_share) == n_types, "log_share: one a type");
    require(size(met) == 0 || size(met) == n_types, "met: as rows, or none");
    require(size(met, 1) == k && size(met, 2) == k, "met: as rows, or none");
    require(size(spent) == size(met) && size(spent, 1) == k, "spent: sums of rows, with met");
    check_bounds(bounds, size(ptr) - 1);
    nb::gil_scoped_release release;
    Types types(ptr, label, counts, rows);
    types.with_gammas();
    const bool learns = size(met) > 0;
    const int64_t n_met = n_types * k * k, each = learns ? n_met + n_types * k : 0;
    Room<double> sums(n_blocks * each);
    check(over_blocks(n_blocks, threads, [&](int64_t b) {
        double* const own = sums + b * each;
        std::memset(own, 0, size_t(each) * sizeof(double));
        return loops().types->membership(types.of, log_share.data(), bounds(b), bounds(b + 1),
                                         membership.data(), learns ? own : nullptr, own + n_met);
    }));
    if (!learns) return;
    loops().coin->add_up(sums, n_blocks, each, 0, n_met, met.data());
    for (int64_t c = n_met; c < each; c++) {
        double total = 0;
        for (int64_t b = 0; b < n_blocks; b++) total += sums[b * each + c];
        spent.data()[c - n_met] = total;
    }
}

void tables(Longs ptr, Ints label, Table counts, Cube rows, Table membership, OutTable table,
            OutTable slope, int64_t threads) {
    check_types(ptr, label, counts, rows, size(membership), size(membership, 1));
    const int64_t k = size(rows, 2);
    require(size(table) == size(label) && size(table, 1) == k && size(slope) == size(label) &&
                size(slope, 1) == k,
            "table, slope: as counts");
    nb::gil_scoped_release release;
    const Types types(ptr, label, counts, rows);
    check(over_ranges(types.n_workers, 16, threads, [&](int64_t lo, int64_t hi) {
        return loops().types->tables(types.of, membership.data(), lo, hi, table.data(),
                                     slope.data());
    }));
}

}  // namespace

void bind_types(nb::module_& m) {
    m.def("types_membership", membership, "ptr"_array, "label"_array, "counts"_array,
          "rows"_array, "log_share"_array, "bounds"_array, "membership"_array, "met"_array,
          "spent"_array, nb::kw_only(), nb::arg("threads"));
    m.def("types_tables", tables, "ptr"_array, "label"_array, "counts"_array, "rows"_array,
          "membership"_array, "table"_array, "slope"_array, nb::kw_only(), nb::arg("threads"));
}

}  // namespace peerannot
