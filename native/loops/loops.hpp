// The loops of one instruction set, by family.
#pragma once

#include "confusion.hpp"

namespace peerannot {

struct Loops {
    const char* isa;
    const ConfusionLoops* confusion;
};

}  // namespace peerannot
