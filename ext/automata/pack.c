/* Machine -> the entries of a kernel map, as compiler/automata/pack.py draws them. */

#include "machine.h"

struct packing {
    struct memory memory;
    const struct machine *in;
    struct numbers row_of_state; /* [state] -> row, 0 when it has none */
    struct numbers order;        /* [row] -> state */
    struct numbers found, is_found;
};

static int find(struct packing *work, uint32_t state)
{
    if (work->is_found.items[state])
        return 1;
    work->is_found.items[state] = 1;
    return numbers_push(&work->memory, &work->found, state);
}

static int add_row(struct packing *work, uint32_t state)
{
    if (state == 0 || work->row_of_state.items[state])
        return 1;
    work->row_of_state.items[state] = (uint32_t)work->order.count;
    return numbers_push(&work->memory, &work->order, state);
}

/* Dead, special, then the others breadth first from the start and from the special states. */
static int number_rows(struct packing *work, const uint32_t *special, uint64_t specials)
{
    uint64_t states = states_of(work->in);

    if (!numbers_zeros(&work->memory, &work->row_of_state, states) || !numbers_zeros(&work->memory, &work->is_found, states) ||
        !numbers_push(&work->memory, &work->order, 0) || !find(work, work->in->start))
        return 0;
    for (uint64_t index = 0; index < specials; index++)
        if (!add_row(work, special[index]) || !find(work, special[index]))
            return 0;
    for (uint64_t index = 0; index < work->found.count; index++) {
        uint32_t state = work->found.items[index];

        if (!add_row(work, state))
            return 0;
        for (const uint32_t *edge = edges_of(work->in, state); edge != edges_of(work->in, (uint64_t)state + 1); edge += 2)
            if (!find(work, edge[1]))
                return 0;
    }
    return 1;
}

static void fill(const struct packing *work, uint32_t shift, uint32_t *transitions)
{
    for (uint64_t row = 0; row < work->order.count; row++) {
        uint64_t state = work->order.items[row];

        for (const uint32_t *edge = edges_of(work->in, state); edge != edges_of(work->in, state + 1); edge += 2) {
            struct classes left = *set_of(&work->in->sets, edge[0]);
            uint32_t class, entry = work->row_of_state.items[edge[1]] << shift;

            for (uint32_t word = 0; word < AUTOMATA_SET_WORDS; word++)
                for (; left.words[word]; left.words[word] &= left.words[word] - 1) {
                    class = word * 32 + (uint32_t)__builtin_ctz(left.words[word]);
                    transitions[(row << shift) + class] = entry;
                }
        }
    }
}

static int is_sound_input(const struct machine *in, const uint32_t *special, uint64_t specials, uint32_t shift)
{
    if (!is_sound(in, UINT64_MAX) || shift > 8 || in->width > 1u << shift)
        return 0;
    for (uint64_t index = 0; index < specials; index++)
        if (special[index] >= states_of(in))
            return 0;
    return 1;
}

int automata_pack(const struct machine *in, const uint32_t *special, uint64_t specials, uint32_t shift, uint64_t max_entries, uint64_t limit_bytes,
                  struct numbers *transitions, struct numbers *number_of, uint64_t *rows)
{
    struct packing work = {.memory = {.limit = limit_bytes}, .in = in};
    struct numbers made = {0};
    int status, done;

    if (!is_sound_input(in, special, specials, shift))
        return AUTOMATA_MALFORMED;
    done = number_rows(&work, special, specials);
    *rows = work.order.count;
    status = done && (work.order.count << shift > max_entries || work.order.count << shift > UINT32_MAX) ? AUTOMATA_TOO_LARGE : AUTOMATA_DONE;
    done = done && status == AUTOMATA_DONE && numbers_zeros(&work.memory, &made, work.order.count << shift);
    numbers_release(&work.memory, &work.found);
    numbers_release(&work.memory, &work.is_found);
    if (done) {
        fill(&work, shift, made.items);
        *transitions = made;
        *number_of = work.row_of_state;
    } else {
        numbers_release(&work.memory, &work.row_of_state);
    }
    numbers_release(&work.memory, &work.order);
    return done ? AUTOMATA_DONE : status != AUTOMATA_DONE ? status : (int)work.memory.status;
}
