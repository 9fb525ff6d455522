#include "loops.hpp"

#define TEXT(x) #x
#define NAME(x) TEXT(x)

namespace peerannot::PEERANNOT_ISA {

extern const ConfusionLoops confusion;
extern const IdLoops ids;
extern const OrderLoops order;
extern const SimulationLoops simulation;

extern const Loops loops;
const Loops loops{NAME(PEERANNOT_ISA), &confusion, &ids, &order, &simulation};

}  // namespace peerannot::PEERANNOT_ISA
