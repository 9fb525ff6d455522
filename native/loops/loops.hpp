// The loops of one instruction set, by family.
#pragma once

#include "confusion.hpp"
#include "ids.hpp"
#include "order.hpp"

namespace peerannot {

struct Loops {
    const char* isa;
    const ConfusionLoops* confusion;
    const IdLoops* ids;
    const OrderLoops* order;
};

}  // namespace peerannot
