/* Memory with a limit, and arrays that grow. All sizes in bytes unless they say otherwise. */

#ifndef AUTOMATA_MEMORY_H
#define AUTOMATA_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "automata.cdef.h"

/* `status` is what the first refusal was. */
struct memory {
    uint64_t limit;
    uint64_t used;
    enum automata_status status;
};

/* The block with `count` elements of `size` bytes, which had `had` of them; NULL when refused, the block then stands as it was.
 * The elements of a new block are 0, those behind the old ones of a block that grew are anything. */
void *memory_resize(struct memory *memory, void *block, uint64_t had, uint64_t count, size_t size);

/* Gives back a block of `count` elements; NULL has none. */
void memory_release(struct memory *memory, void *block, uint64_t count, size_t size);

/* Room for `more` elements behind the last; 0 when refused. */
int numbers_reserve(struct memory *memory, struct numbers *numbers, uint64_t more);

static inline int numbers_push(struct memory *memory, struct numbers *numbers, uint32_t item)
{
    if (numbers->count == numbers->room && !numbers_reserve(memory, numbers, 1))
        return 0;
    numbers->items[numbers->count++] = item;
    return 1;
}

/* `count` elements, each 0; 0 when refused. */
int numbers_zeros(struct memory *memory, struct numbers *numbers, uint64_t count);

/* An array as an output: never NULL, so that an empty one is one, and without room that it does not need. */
int numbers_finish(struct memory *memory, struct numbers *numbers);

void numbers_release(struct memory *memory, struct numbers *numbers);

/* The mixing steps of SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014). */
static inline uint64_t mixed(uint64_t value)
{
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

#endif
