// One table of slots, half of them empty at least; a slot has part of the hash and the code of an
// id, and the ids themselves lie apart in order of code. Both are waited for when the table is
// larger than the cache, so those of a block of ids are asked for before any of them is compared.
#include "ids.hpp"

#include <cstdlib>
#include <cstring>

#include "vectors.hpp"

namespace peerannot::PEERANNOT_ISA {
namespace {

constexpr int together = 32;
constexpr uint64_t odd = 0x9E3779B97F4A7C15u;

PEERANNOT_INLINE uint64_t mixed(uint64_t a, uint64_t b) {
    const auto product = static_cast<unsigned __int128>(a) * b;
    return uint64_t(product) ^ uint64_t(product >> 64);
}

PEERANNOT_INLINE uint64_t word(const void* at) {
    uint64_t w;
    std::memcpy(&w, at, sizeof w);
    return w;
}

PEERANNOT_INLINE uint32_t tag_of(const TextView& v, const char* text, uint64_t seed) {
    uint64_t hash;
    if (v.size <= most_inside) {
        hash = mixed(word(&v) ^ seed, word(v.rest) ^ odd);
    } else {
        hash = seed ^ v.size;
        const char* last = text + v.size - sizeof(uint64_t);
        for (; text < last; text += sizeof(uint64_t)) hash = mixed(hash ^ word(text), odd);
        hash = mixed(hash ^ word(last), odd);
    }
    return uint32_t(mixed(hash, odd) >> 32);
}

template <class T> PEERANNOT_INLINE bool resize(T*& at, int64_t n) {
    T* now = static_cast<T*>(std::realloc(at, size_t(n) * sizeof(T)));
    if (now) at = now;
    return now;
}

Status grow(CodeTable& t) {
    const int bits = !t.slot ? 12 : t.bits < 20 ? t.bits + 2 : t.bits + 1;
    if (bits > 32) return Status::no_memory;
    const int64_t n = int64_t(1) << bits;
    if (!resize(t.key, n / 2) || !resize(t.row, n / 2)) return Status::no_memory;
    auto* slot = static_cast<CodeTable::Slot*>(std::malloc(size_t(n) * sizeof(CodeTable::Slot)));
    if (!slot) return Status::no_memory;
    for (int64_t s = 0; s < n; s++) slot[s] = {0, -1};
    for (int64_t s = 0; t.slot && s < int64_t(1) << t.bits; s++) {
        if (t.slot[s].code < 0) continue;
        int64_t to = t.slot[s].tag >> (32 - bits);
        while (slot[to].code >= 0) to = (to + 1) & (n - 1);
        slot[to] = t.slot[s];
    }
    std::free(t.slot);
    t.slot = slot;
    t.bits = bits;
    return Status::fine;
}

// The text in memory of the table; null where there is none.
const char* kept(CodeTable& t, const char* text, int64_t size) {
    if (!t.block || t.used + size > t.room) {
        const int64_t room = int64_t(sizeof(char*)) + (size > 1 << 16 ? size : 1 << 16);
        char* block = static_cast<char*>(std::malloc(size_t(room)));
        if (!block) return nullptr;
        std::memcpy(block, &t.block, sizeof(char*));
        t.block = block;
        t.used = sizeof(char*);
        t.room = room;
    }
    char* at = t.block + t.used;
    std::memcpy(at, text, size_t(size));
    t.used += size;
    return at;
}

// `get(i, text)` is the i-th id: its view, and the text where that is longer than the view.
template <bool insert, class Get>
PEERANNOT_INLINE Status code_of_each(CodeTable& t, int64_t n, int64_t first, int32_t* code,
                                     const Get& get) {
    if (insert && !t.slot && grow(t) != Status::fine) return Status::no_memory;
    if (!t.slot) {
        for (int64_t i = 0; i < n; i++) code[i] = -1;
        return Status::fine;
    }
    for (int64_t start = 0; start < n; start += together) {
        const int m = int(least(together, n - start));
        TextView view[together];
        const char* text[together];
        uint32_t tag[together];
        for (int i = 0; i < m; i++) {
            if (!get(start + i, view[i], text[i])) return Status::out_of_range;
            tag[i] = tag_of(view[i], text[i], t.seed);
            __builtin_prefetch(t.slot + (tag[i] >> (32 - t.bits)));
        }
        for (int i = 0; i < m; i++) {
            const int32_t likely = t.slot[tag[i] >> (32 - t.bits)].code;
            if (likely >= 0) __builtin_prefetch(t.key + likely);
        }
        for (int i = 0; i < m; i++) {
            const TextView& v = view[i];
            const int64_t mask = (int64_t(1) << t.bits) - 1;
            int64_t s = tag[i] >> (32 - t.bits);
            for (; t.slot[s].code >= 0; s = (s + 1) & mask) {
                if (t.slot[s].tag != tag[i]) continue;
                const TextView& key = t.key[t.slot[s].code];
                if (word(&key) != word(&v)) continue;
                if (v.size <= most_inside ? word(key.rest) == word(v.rest)
                                          : !std::memcmp(key.text, text[i], v.size))
                    break;
            }
            code[start + i] = t.slot[s].code;
            if (insert && t.slot[s].code < 0) {
                if (t.n == INT32_MAX) return Status::no_memory;
                TextView key = v;
                if (v.size > most_inside && !(key.text = kept(t, text[i], v.size)))
                    return Status::no_memory;
                t.key[t.n] = key;
                t.row[t.n] = first + start + i;
                code[start + i] = int32_t(t.n);
                t.slot[s] = {tag[i], int32_t(t.n++)};
                if (t.n > mask / 2 && grow(t) != Status::fine) return Status::no_memory;
            }
        }
    }
    return Status::fine;
}

PEERANNOT_INLINE bool text_at(const Texts& x, int64_t i, TextView& v, const char*& text) {
    v = x.view[i];
    text = x.view[i].start;
    if (v.size <= most_inside) return true;
    if (v.size > INT32_MAX || v.buffer < 0 || v.buffer >= x.n_buffers || v.offset < 0 ||
        int64_t(v.offset) + v.size > x.buffer_size[v.buffer])
        return false;
    text = x.buffer[v.buffer] + v.offset;
    return true;
}

Status texts(CodeTable& t, const Texts& x, int64_t first, int32_t* code) {
    return code_of_each<true>(t, x.n, first, code, [&](int64_t i, TextView& v, const char*& text) {
        return text_at(x, i, v, text);
    });
}

Status find(const CodeTable& t, const Texts& x, int32_t* code) {
    CodeTable same = t;  // that is not changed
    return code_of_each<false>(same, x.n, 0, code, [&](int64_t i, TextView& v, const char*& text) {
        return text_at(x, i, v, text);
    });
}

// A number is a text of eight bytes.
Status numbers(CodeTable& t, const int64_t* number, int64_t n, int64_t first, int32_t* code) {
    return code_of_each<true>(t, n, first, code, [&](int64_t i, TextView& v, const char*& text) {
        text = reinterpret_cast<const char*>(number + i);
        v = {};
        v.size = sizeof(int64_t);
        std::memcpy(v.start, text, 4);
        std::memcpy(v.rest, text + 4, 4);
        return true;
    });
}

void clear(CodeTable& t) {
    while (t.block) {
        char* before;
        std::memcpy(&before, t.block, sizeof(char*));
        std::free(t.block);
        t.block = before;
    }
    std::free(t.slot);
    std::free(t.key);
    std::free(t.row);
    t = {};
}

Status replace(int32_t* code, int64_t n, const int32_t* by, int64_t n_codes) {
    if (!all_below(code, n, n_codes)) return Status::out_of_range;
    for (int64_t i = 0; i < n; i++) code[i] = by[code[i]];
    return Status::fine;
}

}  // namespace

extern const IdLoops ids;
const IdLoops ids{texts, find, numbers, clear, replace};

}  // namespace peerannot::PEERANNOT_ISA
