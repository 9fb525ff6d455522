// Which instruction sets the processor and the system have.
//
// Asked of the processor itself: __builtin_cpu_supports is empty where Zig links the program.
#pragma once

#if defined(__x86_64__)
#include <cpuid.h>

#include <initializer_list>

namespace peerannot {

// The level of x86-64-v1 to v4.
inline int x86_64_level() {
    unsigned a, b, c, d, b7, c7, d7;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return 1;
    const auto has = [](unsigned bits, std::initializer_list<int> all) {
        for (int bit : all)
            if (!(bits >> bit & 1)) return false;
        return true;
    };
    // SSSE3, SSE4.1, SSE4.2, POPCNT
    if (!has(c, {9, 19, 20, 23})) return 1;
    // FMA, MOVBE, OSXSAVE, AVX, F16C; then registers that the system saves
    if (!has(c, {12, 22, 27, 28, 29}) || !__get_cpuid_count(7, 0, &a, &b7, &c7, &d7)) return 2;
    unsigned saved, high;
    __asm__("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
    // BMI1, AVX2, BMI2
    if (!has(saved, {1, 2}) || !has(b7, {3, 5, 8})) return 2;
    // LZCNT
    if (!__get_cpuid(0x80000001, &a, &b, &c, &d) || !has(c, {5})) return 2;
    // AVX512 F, DQ, CD, BW, VL
    return has(saved, {5, 6, 7}) && has(b7, {16, 17, 28, 30, 31}) ? 4 : 3;
}

}  // namespace peerannot
#endif
