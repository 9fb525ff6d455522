// What each family adds to the module.
#pragma once

#include <nanobind/nanobind.h>

namespace peerannot {

void bind_agreement(nanobind::module_&);
void bind_apart(nanobind::module_&);
void bind_coin(nanobind::module_&);
void bind_confusion(nanobind::module_&);
void bind_glad(nanobind::module_&);
void bind_identification(nanobind::module_&);
void bind_ids(nanobind::module_&);
void bind_order(nanobind::module_&);
void bind_pairs(nanobind::module_&);
void bind_reliability(nanobind::module_&);
void bind_simulation(nanobind::module_&);
void bind_stream(nanobind::module_&);
void bind_types(nanobind::module_&);
void bind_votes(nanobind::module_&);

}  // namespace peerannot
