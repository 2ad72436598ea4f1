/* Machine and groups of its states -> the machine whose states the groups are, numbered breadth first from the start. */

#include "machine.h"

struct quotient {
    struct memory *memory;
    const struct machine *in;
    const uint32_t *meanings, *group_of, *member_of;
    struct making making;
    struct numbers number_of; /* [group] -> state of the result, 0 when not found yet */
    struct numbers found;     /* [state of the result] -> group */
    struct numbers label_of;  /* [meaning] -> label, 0 when it has not occurred yet */
    struct numbers kept;      /* [label] -> meaning */
};

static int number_label(struct quotient *work, uint32_t meaning, uint32_t *label)
{
    *label = meaning ? work->label_of.items[meaning] : 0;
    if (meaning == 0 || *label)
        return 1;
    *label = work->label_of.items[meaning] = (uint32_t)work->kept.count;
    return numbers_push(work->memory, &work->kept, meaning);
}

static int number_group(struct quotient *work, uint32_t group, uint32_t *number)
{
    uint32_t label;

    *number = group ? work->number_of.items[group] : 0;
    if (group == 0 || *number)
        return 1;
    *number = work->number_of.items[group] = (uint32_t)work->found.count;
    return numbers_push(work->memory, &work->found, group) &&
           number_label(work, work->meanings[work->in->labels.items[work->member_of[group]]], &label) && add_state(&work->making, label);
}

static int build(struct quotient *work, uint64_t groups, uint64_t meanings)
{
    uint32_t number;

    if (!numbers_zeros(work->memory, &work->number_of, groups) || !numbers_push(work->memory, &work->found, 0) ||
        !numbers_zeros(work->memory, &work->label_of, meanings) || !numbers_push(work->memory, &work->kept, 0) ||
        !begin_making(work->memory, &work->making, work->in->width, UINT32_MAX) ||
        !number_group(work, work->group_of[work->in->start], &work->making.made.start))
        return 0;
    for (uint64_t state = 1; state < work->found.count; state++) {
        uint32_t member = work->member_of[work->found.items[state]];

        for (const uint32_t *edge = edges_of(work->in, member); edge != edges_of(work->in, (uint64_t)member + 1); edge += 2) {
            if (!number_group(work, work->group_of[edge[1]], &number))
                return 0;
            if (number && !add_edge(&work->making, number, set_of(&work->in->sets, edge[0])))
                return 0;
        }
        if (!end_state(&work->making))
            return 0;
    }
    return numbers_finish(work->memory, &work->kept);
}

int quotient(struct memory *memory, const struct machine *in, const uint32_t *meanings, const uint32_t *group_of, const uint32_t *member_of,
             uint64_t groups, struct machine *out, struct numbers *kept)
{
    struct quotient work = {.memory = memory, .in = in, .meanings = meanings, .group_of = group_of, .member_of = member_of};
    uint64_t largest = 0;
    int done;

    work.making.memory = memory;
    for (uint64_t state = 0; state < states_of(in); state++)
        largest = meanings[in->labels.items[state]] > largest ? meanings[in->labels.items[state]] : largest;
    done = end_making(&work.making, build(&work, groups, largest + 1), out);
    numbers_release(memory, &work.number_of);
    numbers_release(memory, &work.found);
    numbers_release(memory, &work.label_of);
    if (done)
        *kept = work.kept;
    else
        numbers_release(memory, &work.kept);
    return done;
}
