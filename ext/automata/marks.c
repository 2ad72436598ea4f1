#include <stdlib.h>
#include <string.h>

#include "marks.h"

int begin_mark_sets(struct memory *memory, struct mark_sets *sets)
{
    return index_begin(memory, &sets->index) && numbers_push(memory, &sets->ends, 0);
}

static int compare(const void *one, const void *other)
{
    uint32_t left = *(const uint32_t *)one, right = *(const uint32_t *)other;

    return (left > right) - (left < right);
}

/* How many there are without repetitions, which are taken out. */
static uint64_t sorted_once(uint32_t *items, uint64_t count)
{
    uint64_t kept = 0;

    qsort(items, count, sizeof *items, compare);
    for (uint64_t index = 0; index < count; index++)
        if (kept == 0 || items[index] != items[kept - 1])
            items[kept++] = items[index];
    return kept;
}

int take_label(struct memory *memory, struct mark_sets *sets, uint32_t *label)
{
    uint64_t first = sets->ends.items[sets->ends.count - 1], count = sets->marks.count - first, hash = 0, at;
    uint32_t *fresh = sets->marks.items + first;

    if (count == 0) {
        *label = 0;
        return 1;
    }
    count = sorted_once(fresh, count);
    for (uint64_t index = 0; index < count; index++)
        hash = mixed(hash + fresh[index] + 0x9e3779b97f4a7c15u);
    at = hash;
    while ((*label = index_next(&sets->index, hash, &at))) {
        uint64_t begin = sets->ends.items[*label - 1];

        if (sets->ends.items[*label] - begin == count && memcmp(sets->marks.items + begin, fresh, count * sizeof *fresh) == 0) {
            sets->marks.count = first;
            return 1;
        }
    }
    sets->marks.count = first + count;
    *label = (uint32_t)sets->ends.count;
    if (sets->marks.count > UINT32_MAX || sets->ends.count >= UINT32_MAX) {
        memory->status = AUTOMATA_TOO_MUCH_MEMORY;
        return 0;
    }
    return numbers_push(memory, &sets->ends, (uint32_t)sets->marks.count) && index_put(memory, &sets->index, hash, *label);
}
