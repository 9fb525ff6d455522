// The loops of one instruction set, by family.
#pragma once

#include "confusion.hpp"
#include "ids.hpp"
#include "order.hpp"
#include "simulation.hpp"

namespace peerannot {

struct Loops {
    const char* isa;
    const ConfusionLoops* confusion;
    const IdLoops* ids;
    const OrderLoops* order;
    const SimulationLoops* simulation;
};

}  // namespace peerannot
