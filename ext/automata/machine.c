#include "machine.h"

static int is_increasing(const struct numbers *firsts, uint64_t last)
{
    for (uint64_t index = 1; index < firsts->count; index++)
        if (firsts->items[index] < firsts->items[index - 1])
            return 0;
    return firsts->items[0] == 0 && firsts->items[firsts->count - 1] == last;
}

static int are_sound_sets(const struct numbers *sets, uint32_t width)
{
    for (uint64_t set = 0; set < sets->count / AUTOMATA_SET_WORDS; set++)
        for (uint32_t class = width; class < MAX_CLASSES; class++)
            if (has_class(set_of(sets, (uint32_t)set), class))
                return 0;
    return sets->count % AUTOMATA_SET_WORDS == 0;
}

int is_sound(const struct machine *machine, uint64_t labels)
{
    uint64_t states = states_of(machine), sets = machine->sets.count / AUTOMATA_SET_WORDS;

    if (states == 0 || states > UINT32_MAX || machine->width == 0 || machine->width > MAX_CLASSES || machine->start >= states)
        return 0;
    if (machine->firsts.count != states + 1 || machine->edges.count % 2 || !is_increasing(&machine->firsts, machine->edges.count / 2))
        return 0;
    if (machine->firsts.items[1] != 0 || machine->labels.items[0] != 0 || !are_sound_sets(&machine->sets, machine->width))
        return 0;
    for (uint64_t index = 0; index < machine->edges.count; index += 2)
        if (machine->edges.items[index] >= sets || machine->edges.items[index + 1] == 0 || machine->edges.items[index + 1] >= states)
            return 0;
    for (uint64_t state = 0; state < states; state++) {
        if (machine->labels.items[state] >= labels || machine->firsts.items[state + 1] - machine->firsts.items[state] > machine->width)
            return 0;
    }
    return 1;
}

int begin_making(struct memory *memory, struct making *making, uint32_t width, uint32_t max_states)
{
    making->memory = memory;
    making->made = (struct machine){.width = width};
    making->max_states = max_states;
    making->count = 0;
    making->place = (struct numbers){0};
    return begin_class_sets(memory, &making->sets) && numbers_push(memory, &making->made.firsts, 0) && add_state(making, 0) && end_state(making);
}

int add_state(struct making *making, uint32_t label)
{
    if (making->made.labels.count >= making->max_states) {
        if (making->memory->status == AUTOMATA_DONE)
            making->memory->status = AUTOMATA_TOO_MANY_STATES;
        return 0;
    }
    return numbers_push(making->memory, &making->made.labels, label) && numbers_push(making->memory, &making->place, 0);
}

int add_edge(struct making *making, uint32_t target, const struct classes *members)
{
    uint32_t place = making->place.items[target];

    if (place >= making->count || making->targets[place] != target) {
        if (making->count == MAX_CLASSES) {
            making->memory->status = AUTOMATA_MALFORMED;
            return 0;
        }
        place = making->place.items[target] = making->count++;
        making->targets[place] = target;
        making->members[place] = (struct classes){{0}};
    }
    add_classes(&making->members[place], members);
    return 1;
}

int end_state(struct making *making)
{
    struct machine *made = &making->made;

    for (uint32_t place = 0; place < making->count; place++) {
        uint32_t set;

        if (!set_number(making->memory, &making->sets, &making->members[place], &set) || !numbers_push(making->memory, &made->edges, set) ||
            !numbers_push(making->memory, &made->edges, making->targets[place]))
            return 0;
    }
    making->count = 0;
    if (made->edges.count / 2 > UINT32_MAX) {
        making->memory->status = AUTOMATA_TOO_MUCH_MEMORY;
        return 0;
    }
    return numbers_push(making->memory, &made->firsts, (uint32_t)(made->edges.count / 2));
}

int finish_machine(struct memory *memory, struct machine *machine)
{
    return numbers_finish(memory, &machine->firsts) && numbers_finish(memory, &machine->edges) && numbers_finish(memory, &machine->sets) &&
           numbers_finish(memory, &machine->labels);
}

void release_machine(struct memory *memory, struct machine *machine)
{
    numbers_release(memory, &machine->firsts);
    numbers_release(memory, &machine->edges);
    numbers_release(memory, &machine->sets);
    numbers_release(memory, &machine->labels);
}

int end_making(struct making *making, int done, struct machine *out)
{
    making->made.sets = making->sets.items;
    index_release(making->memory, &making->sets.index);
    numbers_release(making->memory, &making->place);
    done = done && finish_machine(making->memory, &making->made);
    if (done)
        *out = making->made;
    else
        release_machine(making->memory, &making->made);
    return done;
}
