/* Machine -> the machine without hopeless states, as compiler/automata/trim.py has it: a state from which nothing with a mark can be
 * reached becomes the dead state. Linear in the edges. */

#include "machine.h"

int find_hopeful(struct memory *memory, const struct machine *machine, const struct incoming *incoming, const uint32_t *meanings,
                 struct numbers *hopeful)
{
    struct numbers waiting = {0};
    int done = numbers_zeros(memory, hopeful, states_of(machine));

    for (uint64_t state = 1; done && state < states_of(machine); state++)
        if (meanings[machine->labels.items[state]]) {
            hopeful->items[state] = 1;
            done = numbers_push(memory, &waiting, (uint32_t)state);
        }
    while (done && waiting.count) {
        uint32_t state = waiting.items[--waiting.count];

        for (uint64_t edge = incoming->firsts.items[state]; done && edge < incoming->firsts.items[state + 1]; edge++) {
            uint32_t source = incoming->edges.items[2 * edge];

            if (hopeful->items[source])
                continue;
            hopeful->items[source] = 1;
            done = numbers_push(memory, &waiting, source);
        }
    }
    numbers_release(memory, &waiting);
    return done;
}

int automata_trim(const struct machine *in, const uint32_t *meanings, uint64_t count, uint64_t limit_bytes, struct machine *out, struct numbers *kept)
{
    struct memory memory = {.limit = limit_bytes};
    struct incoming incoming = {0};
    struct numbers group_of = {0}, member_of = {0};
    int done;

    if (!is_sound(in, count) || meanings[0] != 0)
        return AUTOMATA_MALFORMED;
    done = find_incoming(&memory, in, &incoming) && find_hopeful(&memory, in, &incoming, meanings, &group_of) &&
           numbers_zeros(&memory, &member_of, states_of(in));
    release_incoming(&memory, &incoming);
    for (uint64_t state = 0; done && state < states_of(in); state++) {
        group_of.items[state] *= (uint32_t)state;
        member_of.items[state] = (uint32_t)state;
    }
    done = done && quotient(&memory, in, meanings, group_of.items, member_of.items, states_of(in), out, kept);
    numbers_release(&memory, &group_of);
    numbers_release(&memory, &member_of);
    return done ? AUTOMATA_DONE : memory.status;
}
