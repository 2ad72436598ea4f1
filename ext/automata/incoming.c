/* Machine -> its edges by where they lead, by counting: where each state's edges begin, then each edge into its place. */

#include "machine.h"

int find_incoming(struct memory *memory, const struct machine *machine, struct incoming *incoming)
{
    uint64_t states = states_of(machine), count = machine->edges.count / 2;
    uint32_t *firsts;

    *incoming = (struct incoming){0};
    if (!numbers_zeros(memory, &incoming->firsts, states + 2) || !numbers_zeros(memory, &incoming->edges, count * 2))
        return 0;
    firsts = incoming->firsts.items;
    for (uint64_t edge = 0; edge < count; edge++)
        firsts[(uint64_t)machine->edges.items[2 * edge + 1] + 2]++;
    for (uint64_t state = 2; state < states + 2; state++)
        firsts[state] += firsts[state - 1];
    /* firsts[s + 1] is now where the edges into s begin; it moves to where they end, which is where those into s + 1 begin. */
    for (uint64_t state = 0; state < states; state++)
        for (const uint32_t *edge = edges_of(machine, state); edge != edges_of(machine, state + 1); edge += 2) {
            uint64_t place = firsts[(uint64_t)edge[1] + 1]++;

            incoming->edges.items[2 * place] = (uint32_t)state;
            incoming->edges.items[2 * place + 1] = edge[0];
        }
    return 1;
}

void release_incoming(struct memory *memory, struct incoming *incoming)
{
    numbers_release(memory, &incoming->firsts);
    numbers_release(memory, &incoming->edges);
}
