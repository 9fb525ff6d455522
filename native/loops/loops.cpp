#include "loops.hpp"

#define TEXT(x) #x
#define NAME(x) TEXT(x)

namespace peerannot::PEERANNOT_ISA {

extern const AgreementLoops agreement;
extern const ApartLoops apart;
extern const CoinLoops coin;
extern const ConfusionLoops confusion;
extern const GladLoops glad;
extern const IdentificationLoops identification;
extern const IdLoops ids;
extern const OrderLoops order;
extern const PairsLoops pairs;
extern const ReliabilityLoops reliability;
extern const SimulationLoops simulation;
extern const StreamLoops stream;
extern const TypesLoops types;
extern const VotesLoops votes;

extern const Loops loops;
const Loops loops{
    NAME(PEERANNOT_ISA), &agreement, &apart, &coin, &confusion, &glad, &identification, &ids, &order,
    &pairs, &reliability, &simulation, &stream, &types, &votes,
};

}  // namespace peerannot::PEERANNOT_ISA
