// Loops over entries of the coin family, see `CoinLoops`.
#pragma once

#include "coin.hpp"
#include "vectors.hpp"

namespace peerannot::PEERANNOT_ISA {

Status entries(const SlotVotes& v, const int32_t* worker, const int64_t* entry, int64_t n_entries,
               int64_t k, int64_t lo, int64_t hi, int64_t* code);
Status class_step(const ClassCoinPass& pass, int64_t lo, int64_t hi, ClassCoinSums& sums);

}  // namespace peerannot::PEERANNOT_ISA
