// Blocks of work on threads that start and end with a call: no pool outlives it, so forks are safe.
#pragma once

#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

#include "../loops/status.hpp"

namespace peerannot {

// work(0) .. work(n_blocks - 1) on up to n_threads threads; the first status that is not fine.
// What a block does must not depend on the number of threads.
template <class Work> Status over_blocks(int64_t n_blocks, int64_t n_threads, const Work& work) {
    std::atomic<int64_t> next{0};
    std::atomic<Status> worst{Status::fine};
    const auto run = [&] {
        for (int64_t b; (b = next++) < n_blocks;) {
            const Status status = work(b);
            if (status != Status::fine) worst = status;
        }
    };
    std::vector<std::thread> others;
    const int64_t wanted = n_threads < n_blocks ? n_threads : n_blocks;
    try {
        for (int64_t t = 1; t < wanted; t++) others.emplace_back(run);
    } catch (const std::system_error&) {
        // The system grants no more threads: those there are do the work.
    }
    run();
    for (auto& other : others) other.join();
    return worst;
}

// work(lo, hi) over 0..n in pieces of about equal length, for loops whose pieces are independent.
template <class Work>
Status over_ranges(int64_t n, int64_t least, int64_t n_threads, const Work& work) {
    int64_t pieces = n / (least > 0 ? least : 1);
    pieces = pieces < 1 ? 1 : pieces > 4 * n_threads ? 4 * n_threads : pieces;
    return over_blocks(pieces, n_threads, [&](int64_t b) {
        return work(n * b / pieces, n * (b + 1) / pieces);
    });
}

}  // namespace peerannot
