/* Machine -> the machine with equal columns merged, as compiler/automata/columns.py has it. Two classes have equal columns exactly if every
 * set of an edge holds both or neither, and sets are few. */

#include <string.h>

#include "machine.h"

/* equal_to[class] -> the smallest class that has the same column. */
static void find_equal(const struct machine *machine, uint32_t *equal_to)
{
    for (uint32_t class = 0; class < machine->width; class++)
        equal_to[class] = 0;
    for (uint32_t set = 0; set < machine->sets.count / AUTOMATA_SET_WORDS; set++) {
        const struct classes *members = set_of(&machine->sets, set);
        uint32_t parted[MAX_CLASSES]; /* the smallest class that was equal to this one, and is not now; MAX_CLASSES for none yet */

        for (uint32_t class = 0; class < machine->width; class++)
            parted[class] = MAX_CLASSES;
        for (uint32_t class = 0; class < machine->width; class++) {
            uint32_t before = equal_to[class];

            /* `before` is not above `class`, and is itself the smallest of its part, so it stands for its whole part. */
            if (has_class(members, before) == has_class(members, class))
                continue;
            if (parted[before] == MAX_CLASSES)
                parted[before] = class;
            equal_to[class] = parted[before];
        }
    }
}

/* Renumbers classes by their smallest bytes: number_of[column that is kept] -> class. Returns how many there are, 0 if those before were not
 * numbered so, or if some have no byte. */
static uint32_t renumber(unsigned char *classes, uint32_t width, const uint32_t *equal_to, uint32_t *number_of)
{
    uint32_t met = 0, count = 0;

    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t class = classes[byte];

        if (class > met || class >= width)
            return 0;
        if (class == met) {
            met++;
            if (equal_to[class] == class)
                number_of[class] = count++;
        }
        classes[byte] = (unsigned char)number_of[equal_to[class]];
    }
    return met == width ? count : 0;
}

int merge_columns(struct machine *machine, unsigned char *classes)
{
    uint32_t equal_to[MAX_CLASSES], number_of[MAX_CLASSES], count;

    find_equal(machine, equal_to);
    count = renumber(classes, machine->width, equal_to, number_of);
    if (count == 0)
        return 0;
    for (uint64_t set = 0; set < machine->sets.count / AUTOMATA_SET_WORDS; set++) {
        struct classes *members = (struct classes *)(machine->sets.items + set * AUTOMATA_SET_WORDS), before = *members;

        *members = (struct classes){{0}};
        for (uint32_t class = 0; class < machine->width; class++)
            if (equal_to[class] == class && has_class(&before, class))
                add_class(members, number_of[class]);
    }
    machine->width = count;
    return 1;
}

static int copy(struct memory *memory, const struct numbers *from, struct numbers *to)
{
    if (!numbers_zeros(memory, to, from->count))
        return 0;
    memcpy(to->items, from->items, from->count * sizeof *from->items);
    return 1;
}

int automata_merge_columns(const struct machine *in, unsigned char *classes, uint64_t limit_bytes, struct machine *out)
{
    struct memory memory = {.limit = limit_bytes};
    struct machine made = {.width = in->width, .start = in->start};

    if (!is_sound(in, UINT64_MAX))
        return AUTOMATA_MALFORMED;
    if (copy(&memory, &in->firsts, &made.firsts) && copy(&memory, &in->edges, &made.edges) && copy(&memory, &in->sets, &made.sets) &&
        copy(&memory, &in->labels, &made.labels)) {
        if (merge_columns(&made, classes)) {
            *out = made;
            return AUTOMATA_DONE;
        }
        memory.status = AUTOMATA_MALFORMED;
    }
    release_machine(&memory, &made);
    return memory.status;
}
