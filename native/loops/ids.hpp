// Loops that turn ids into codes; twins: tests/native/twins/ids.py.
#pragma once

#include <cstdint>

#include "status.hpp"

namespace peerannot {

constexpr uint32_t most_inside = 12;  // bytes of a text that lie in its view

// A text as Arrow has it: the text itself, padded with zeros; or where it lies, from its 4th byte.
struct TextView {
    uint32_t size;
    char start[4];
    union {
        char rest[8];
        struct {
            int32_t buffer, offset;
        };
        const char* text;  // in the table of codes
    };
};
static_assert(sizeof(TextView) == 16, "as Arrow has it");

// A piece of a column of texts, none of them missing.
struct Texts {
    const TextView* view;
    int64_t n;
    const char* const* buffer;
    const int64_t* buffer_size;
    int64_t n_buffers;
};

// Ids by their hashes. All zero is an empty table; `clear` gives its memory back.
struct CodeTable {
    struct Slot {
        uint32_t tag;
        int32_t code;
    };
    uint64_t seed;
    Slot* slot;      // 2**bits
    TextView* key;   // room for half as many, by code
    int64_t* row;    // where each code was met first
    int64_t n;
    int bits;
    char* block;     // texts that are too long for a view; each block begins with the one before
    int64_t used, room;
};

struct IdLoops {
    // Codes of ids, in order of first appearance; `first` is the row of the first id.
    Status (*texts)(CodeTable&, const Texts&, int64_t first, int32_t* code);
    // Codes of ids that are in the table, -1 of others; several threads may ask.
    Status (*find)(const CodeTable&, const Texts&, int32_t* code);
    Status (*numbers)(CodeTable&, const int64_t* number, int64_t n, int64_t first, int32_t* code);
    void (*clear)(CodeTable&);
    // Each code becomes what stands at its place.
    Status (*replace)(int32_t* code, int64_t n, const int32_t* by, int64_t n_codes);
};

}  // namespace peerannot
