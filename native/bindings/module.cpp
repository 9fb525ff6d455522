// The module, and the choice of the instruction set.
#include <nanobind/nanobind.h>

#include <cstring>
#include <string>
#include <vector>

#include "arrays.hpp"
#include "families.hpp"
#include "processor.hpp"

namespace peerannot {

#if defined(__x86_64__)
namespace v2 { extern const Loops loops; }
namespace v3 { extern const Loops loops; }
namespace v4 { extern const Loops loops; }
#elif defined(__aarch64__)
namespace arm64 { extern const Loops loops; }
#else
namespace plain { extern const Loops loops; }
#endif

namespace {

struct Choice {
    const Loops* loops;
    bool here;  // whether this processor has it
};

// What was built, least first.
std::vector<Choice> choices() {
#if defined(__x86_64__)
    const int level = x86_64_level();
    return {{&v2::loops, level >= 2}, {&v3::loops, level >= 3}, {&v4::loops, level >= 4}};
#elif defined(__aarch64__)
    return {{&arm64::loops, true}};
#else
    return {{&plain::loops, true}};
#endif
}

const Loops* chosen = nullptr;

nb::tuple isas() {
    nb::list names;
    for (const Choice& choice : choices())
        if (choice.here) names.append(choice.loops->isa);
    return nb::tuple(names);
}

void use(const char* isa) {
    std::string known;
    for (const Choice& choice : choices()) {
        if (!choice.here) continue;
        if (!std::strcmp(choice.loops->isa, isa)) {
            chosen = choice.loops;
            return;
        }
        known += (known.empty() ? "" : ", ") + std::string(choice.loops->isa);
    }
    throw nb::value_error(("'" + std::string(isa) + "' is none of " + known).c_str());
}

}  // namespace

const Loops& loops() { return *chosen; }

}  // namespace peerannot

NB_MODULE(_native, m) {
    using namespace peerannot;
    for (const Choice& choice : choices())
        if (choice.here) chosen = choice.loops;
    if (!chosen) throw nb::import_error("this processor lacks SSE4.2");
    m.def("isa", [] { return loops().isa; });
    m.def("isas", isas);
    m.def("use", use, nb::arg("isa"));
    m.def("interface", [] { return PEERANNOT_INTERFACE; });
    bind_agreement(m);
    bind_apart(m);
    bind_coin(m);
    bind_confusion(m);
    bind_glad(m);
    bind_identification(m);
    bind_ids(m);
    bind_order(m);
    bind_pairs(m);
    bind_reliability(m);
    bind_simulation(m);
    bind_stream(m);
    bind_types(m);
    bind_votes(m);
}
