#include <stdlib.h>

#include "memory.h"

static void *refused(struct memory *memory, enum automata_status status)
{
    if (memory->status == AUTOMATA_DONE)
        memory->status = status;
    return NULL;
}

void *memory_resize(struct memory *memory, void *block, uint64_t had, uint64_t count, size_t size)
{
    uint64_t others = memory->used - had * size;
    void *found;

    if (count > memory->limit / size || count * size > memory->limit - (others < memory->limit ? others : memory->limit))
        return refused(memory, AUTOMATA_TOO_MUCH_MEMORY);
    if (block == NULL)
        found = calloc(count ? count : 1, size); /* fresh pages are zero without being written */
    else
        found = realloc(block, (count ? count : 1) * size);
    if (found == NULL)
        return refused(memory, AUTOMATA_NO_MEMORY);
    memory->used = others + count * size;
    return found;
}

void memory_release(struct memory *memory, void *block, uint64_t count, size_t size)
{
    if (block == NULL)
        return;
    free(block);
    memory->used -= count * size;
}

static int resized(struct memory *memory, struct numbers *numbers, uint64_t room)
{
    uint32_t *items = memory_resize(memory, numbers->items, numbers->room, room, sizeof *items);

    if (items == NULL)
        return 0;
    numbers->items = items;
    numbers->room = room;
    return 1;
}

int numbers_reserve(struct memory *memory, struct numbers *numbers, uint64_t more)
{
    uint64_t needed = numbers->count + more;
    uint64_t doubled = numbers->room * 2 > 64 ? numbers->room * 2 : 64;

    if (needed <= numbers->room)
        return 1;
    return resized(memory, numbers, needed > doubled ? needed : doubled);
}

int numbers_zeros(struct memory *memory, struct numbers *numbers, uint64_t count)
{
    if (!resized(memory, numbers, count))
        return 0;
    numbers->count = count;
    return 1;
}

int numbers_finish(struct memory *memory, struct numbers *numbers)
{
    return resized(memory, numbers, numbers->count);
}

void numbers_release(struct memory *memory, struct numbers *numbers)
{
    memory_release(memory, numbers->items, numbers->room, sizeof *numbers->items);
    *numbers = (struct numbers){0};
}

void automata_free(uint32_t *items)
{
    free(items);
}
