#include <string.h>

#include "machine.h"

int begin_class_sets(struct memory *memory, struct class_sets *sets)
{
    *sets = (struct class_sets){0};
    return index_begin(memory, &sets->index);
}

int set_number(struct memory *memory, struct class_sets *sets, const struct classes *members, uint32_t *number)
{
    uint64_t hash = 0, at;
    uint32_t found;

    for (int word = 0; word < AUTOMATA_SET_WORDS; word += 2)
        hash = mixed(hash + ((uint64_t)members->words[word + 1] << 32 | members->words[word]) + 0x9e3779b97f4a7c15u);
    at = hash;
    while ((found = index_next(&sets->index, hash, &at))) {
        *number = found - 1;
        if (memcmp(set_of(&sets->items, *number), members, sizeof *members) == 0)
            return 1;
    }
    *number = (uint32_t)(sets->items.count / AUTOMATA_SET_WORDS);
    if (!numbers_reserve(memory, &sets->items, AUTOMATA_SET_WORDS))
        return 0;
    memcpy(sets->items.items + sets->items.count, members, sizeof *members);
    sets->items.count += AUTOMATA_SET_WORDS;
    return index_put(memory, &sets->index, hash, *number + 1);
}

void release_class_sets(struct memory *memory, struct class_sets *sets)
{
    numbers_release(memory, &sets->items);
    index_release(memory, &sets->index);
}
