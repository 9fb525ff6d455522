// Memory of a loop, given back when it ends; `at` is null where there is none to be had.
#pragma once

#include <cstdint>
#include <cstdlib>

#ifndef PEERANNOT_ISA
#error "compile loops with -DPEERANNOT_ISA=<name of the instruction set>"
#endif

namespace peerannot::PEERANNOT_ISA {

struct Room {
    void* at;
    explicit Room(int64_t bytes) : at(std::malloc(bytes > 0 ? size_t(bytes) : 1)) {}
    Room(const Room&) = delete;
    ~Room() { std::free(at); }
};

}  // namespace peerannot::PEERANNOT_ISA
