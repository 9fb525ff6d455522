// Columns of texts come through Arrow's interface for C, which Polars speaks without a copy:
// https://arrow.apache.org/docs/format/CStreamInterface.html
#include <cstring>
#include <mutex>
#include <random>
#include <shared_mutex>

#include "arrays.hpp"
#include "families.hpp"
#include "threads.hpp"

namespace peerannot {
namespace {

struct ArrowSchema {
    const char *format, *name, *metadata;
    int64_t flags, n_children;
    ArrowSchema **children, *dictionary;
    void (*release)(ArrowSchema*);
    void* own;
};

struct ArrowArray {
    int64_t length, null_count, offset, n_buffers, n_children;
    const void** buffers;
    ArrowArray **children, *dictionary;
    void (*release)(ArrowArray*);
    void* own;
};

struct ArrowArrayStream {
    int (*get_schema)(ArrowArrayStream*, ArrowSchema*);
    int (*get_next)(ArrowArrayStream*, ArrowArray*);
    const char* (*get_last_error)(ArrowArrayStream*);
    void (*release)(ArrowArrayStream*);
    void* own;
};

// What Arrow hands over is given back when it is no longer wanted.
template <class T> struct Lent : T {
    Lent() : T{} {}
    Lent(const Lent&) = delete;
    ~Lent() {
        if (this->release) this->release(this);
    }
};

// work(texts, first) for each piece of a column, `first` its first row.
template <class Work>
void each_piece(const nb::object& column, const Array<int32_t>& code, const Work& work) {
    const auto stream = nb::cast<nb::capsule>(column.attr("__arrow_c_stream__")());
    auto* from = static_cast<ArrowArrayStream*>(stream.data("arrow_array_stream"));
    const int64_t n = size(code);
    nb::gil_scoped_release release;
    Lent<ArrowSchema> schema;
    require(!from->get_schema(from, &schema) && !std::strcmp(schema.format, "vu"),
            "column: of texts in views");
    int64_t first = 0;
    for (;;) {
        Lent<ArrowArray> piece;
        require(!from->get_next(from, &piece), "column: its pieces cannot be read");
        if (!piece.release) break;
        require(!piece.null_count || !piece.buffers[0], "column: without nulls");
        require(piece.n_buffers >= 3 && piece.length <= n - first, "code: one a text");
        const int64_t n_buffers = piece.n_buffers - 3;
        check(work({static_cast<const TextView*>(piece.buffers[1]) + piece.offset, piece.length,
                    reinterpret_cast<const char* const*>(piece.buffers + 2),
                    static_cast<const int64_t*>(piece.buffers[n_buffers + 2]), n_buffers},
                   first));
        first += piece.length;
    }
    require(first == n, "code: one a text");
}

class Coder {
public:
    Coder() {
        // Nobody can choose ids whose hashes are equal: they differ from run to run, codes do not.
        std::random_device device;
        table_.seed = uint64_t(device()) << 32 | device();
    }
    Coder(const Coder&) = delete;
    ~Coder() { loops().ids->clear(table_); }

    auto texts(nb::object column, Array<int32_t> code) {
        const int64_t before = table_.n;
        each_piece(column, code, [&](const Texts& texts, int64_t first) {
            std::unique_lock alone(mutex_);
            return loops().ids->texts(table_, texts, first, code.data() + first);
        });
        return first_rows(before);
    }

    void find(nb::object column, Array<int32_t> code) const {
        each_piece(column, code, [&](const Texts& texts, int64_t first) {
            std::shared_lock shared(mutex_);
            return loops().ids->find(table_, texts, code.data() + first);
        });
    }

    auto numbers(Array<const int64_t> number, Array<int32_t> code) {
        require(size(number) == size(code), "code: one a number");
        const int64_t before = table_.n;
        {
            nb::gil_scoped_release release;
            std::unique_lock alone(mutex_);
            check(loops().ids->numbers(table_, number.data(), size(number), 0, code.data()));
        }
        return first_rows(before);
    }

private:
    nb::ndarray<nb::numpy, int64_t, nb::ndim<1>> first_rows(int64_t before) const {
        const int64_t n = table_.n - before;
        auto* rows = new int64_t[size_t(n)];
        if (n) std::memcpy(rows, table_.row + before, size_t(n) * sizeof(int64_t));
        nb::capsule owner(rows, [](void* at) noexcept { delete[] static_cast<int64_t*>(at); });
        return {rows, {size_t(n)}, owner};
    }

    CodeTable table_{};
    mutable std::shared_mutex mutex_;
};

void replace(Array<int32_t> code, Array<const int32_t> by, int64_t threads) {
    nb::gil_scoped_release release;
    check(over_ranges(size(code), 1 << 16, threads, [&](int64_t lo, int64_t hi) {
        return loops().ids->replace(code.data() + lo, hi - lo, by.data(), size(by));
    }));
}

}  // namespace

void bind_ids(nb::module_& m) {
    nb::class_<Coder>(m, "Coder")
        .def(nb::init<>())
        .def("texts", &Coder::texts, nb::arg("column"), "code"_array)
        .def("find", &Coder::find, nb::arg("column"), "code"_array)
        .def("numbers", &Coder::numbers, "number"_array, "code"_array);
    m.def("ids_replace", replace, "code"_array, "by"_array, nb::kw_only(), nb::arg("threads"));
}

}  // namespace peerannot
