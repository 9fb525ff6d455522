// What each family adds to the module.
#pragma once

#include <nanobind/nanobind.h>

namespace peerannot {

void bind_confusion(nanobind::module_&);

}  // namespace peerannot
