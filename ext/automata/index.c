#include "index.h"

#define FIRST_ROOM 256

int index_begin(struct memory *memory, struct index *index)
{
    *index = (struct index){memory_resize(memory, NULL, 0, FIRST_ROOM, sizeof *index->slots), 0, FIRST_ROOM};
    return index->slots != NULL;
}

static void put(struct index *index, uint64_t hash, uint32_t number)
{
    uint64_t at = hash;

    while (index->slots[at & (index->room - 1)].number)
        at++;
    index->slots[at & (index->room - 1)] = (struct slot){hash, number};
    index->count++;
}

int index_put(struct memory *memory, struct index *index, uint64_t hash, uint32_t number)
{
    if (index->count * 2 >= index->room) {
        struct index larger = {memory_resize(memory, NULL, 0, index->room * 2, sizeof *larger.slots), 0, index->room * 2};

        if (larger.slots == NULL)
            return 0;
        for (uint64_t at = 0; at < index->room; at++)
            if (index->slots[at].number)
                put(&larger, index->slots[at].hash, index->slots[at].number);
        index_release(memory, index);
        *index = larger;
    }
    put(index, hash, number);
    return 1;
}

void index_release(struct memory *memory, struct index *index)
{
    memory_release(memory, index->slots, index->room, sizeof *index->slots);
    *index = (struct index){0};
}
