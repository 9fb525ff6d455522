// How a loop ends. Loops throw nothing; the bindings say what was wrong.
#pragma once

namespace peerannot {

enum class Status { fine, out_of_range, no_memory };

}  // namespace peerannot
