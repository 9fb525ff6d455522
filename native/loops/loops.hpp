// The loops of one instruction set, by family.
#pragma once

#include "agreement.hpp"
#include "apart.hpp"
#include "coin.hpp"
#include "confusion.hpp"
#include "glad.hpp"
#include "identification.hpp"
#include "ids.hpp"
#include "order.hpp"
#include "pairs.hpp"
#include "reliability.hpp"
#include "simulation.hpp"
#include "stream.hpp"
#include "types.hpp"
#include "votes.hpp"

namespace peerannot {

struct Loops {
    const char* isa;
    const AgreementLoops* agreement;
    const ApartLoops* apart;
    const CoinLoops* coin;
    const ConfusionLoops* confusion;
    const GladLoops* glad;
    const IdentificationLoops* identification;
    const IdLoops* ids;
    const OrderLoops* order;
    const PairsLoops* pairs;
    const ReliabilityLoops* reliability;
    const SimulationLoops* simulation;
    const StreamLoops* stream;
    const TypesLoops* types;
    const VotesLoops* votes;
};

}  // namespace peerannot
