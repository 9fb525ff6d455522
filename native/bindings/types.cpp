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

// The counts, and rows of the types padded to whole registers.
class Types {
public:
    Types(const Longs& ptr, const Ints& label, const Table& counts, const Cube& rows)
        : k(size(rows, 2)), n_types(size(rows)), width(loops().types->width(k)),
          n_workers(size(ptr) - 1), begun(n_types * k * width), log_gamma(n_types * k * width),
          digamma(n_types * k * width), total(n_types * width) {
        const int64_t n_pairs = size(label);
        const auto at = [&](int64_t row) { return rows.data() + row * k; };
        for (int64_t row = 0; row < n_types * k; row++)
            for (int64_t c = 0; c < width; c++) begun[row * width + c] = c < k ? at(row)[c] : 1.0;
        for (int64_t m = 0; m < n_types; m++)
            for (int64_t c = 0; c < width; c++) {
                total[m * width + c] = c < k ? 0.0 : 1.0;
                for (int64_t l = 0; l < k && c < k; l++) total[m * width + c] += at(m * k + l)[c];
            }
        of = {ptr.data(), label.data(), counts.data(), begun, log_gamma, digamma, total,
              n_workers, n_pairs, k, width, n_types};
    }
    void with_gammas() {
        loops().types->gammas(begun, n_types * k * width, log_gamma, digamma);
    }

    int64_t k, n_types, width, n_workers;
    Room<double> begun, log_gamma, digamma, total;
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
    const int64_t width = types.width;
    const bool learns = size(met) > 0;
    const int64_t n_met = n_types * k * width, each = learns ? n_met + n_types * width : 0;
    Room<double> sums(n_blocks * each);
    check(over_blocks(n_blocks, threads, [&](int64_t b) {
        double* const own = sums + b * each;
        std::memset(own, 0, size_t(each) * sizeof(double));
        return loops().types->membership(types.of, log_share.data(), bounds(b), bounds(b + 1),
                                         membership.data(), learns ? own : nullptr, own + n_met);
    }));
    const auto add = [&](int64_t at) {
        double total = 0;
        for (int64_t b = 0; b < n_blocks; b++) total += sums[b * each + at];
        return total;
    };
    for (int64_t row = 0; row < n_types * k && learns; row++)
        for (int64_t c = 0; c < k; c++) met.data()[row * k + c] = add(row * width + c);
    for (int64_t m = 0; m < n_types && learns; m++)
        for (int64_t c = 0; c < k; c++) spent.data()[m * k + c] = add(n_met + m * width + c);
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
