/* Numbers found by hash: open addressing, at most half full. What a number stands for is the caller's; numbers are not 0. */

#ifndef AUTOMATA_INDEX_H
#define AUTOMATA_INDEX_H

#include "memory.h"

struct slot {
    uint64_t hash;
    uint32_t number; /* 0: free */
};

struct index {
    struct slot *slots;
    uint64_t count, room; /* room is a power of two */
};

int index_begin(struct memory *memory, struct index *index);
int index_put(struct memory *memory, struct index *index, uint64_t hash, uint32_t number);
void index_release(struct memory *memory, struct index *index);

/* The slots with this hash, one after the other: begin with `*at` = hash; 0 behind the last. */
static inline uint32_t index_next(const struct index *index, uint64_t hash, uint64_t *at)
{
    const struct slot *slot;

    while ((slot = index->slots + ((*at)++ & (index->room - 1)))->number)
        if (slot->hash == hash)
            return slot->number;
    return 0;
}

#endif
