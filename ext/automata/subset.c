/* Nondeterministic -> deterministic machine: the subset construction (Rabin and Scott, 1959), as compiler/automata/subset.py has it,
 * state for state.
 *
 * A state of the result is a set of states, kept without its splits and in any order: the hash of a set is the sum of its members'
 * hashes, and two sets are equal if they are equally large and every member of the one has the stamp of the other. What is reached
 * without consuming a byte is computed once for each target of a move. Classes that the moves of a set cannot tell apart are
 * followed once, so a step costs the distinct successors, not the classes. */

#include <string.h>

#include "index.h"
#include "machine.h"
#include "marks.h"

struct construction {
    struct memory memory;
    const struct nondeterministic *in;
    const struct numbers *set_classes;  /* [set of bytes] -> its classes */
    uint64_t nfa_states;
    struct making making;
    struct mark_sets labels;
    struct numbers members, ends;       /* the sets, one behind the other; [state of the result] -> behind its last member */
    struct index index;                 /* the states of the result by their sets */
    struct numbers stamps;              /* [state of the nfa]: in the set being gathered if it has the stamp */
    uint32_t stamp;
    struct numbers closures, closure_of; /* length and members, one behind the other; [state of the nfa] -> its place, 0: not yet computed */
    struct numbers waiting, candidate;  /* states that a closure is still to be followed from; the set being gathered */
    struct numbers heads, nexts;        /* moves of a set by their bytes: [set of bytes] and [index in the set] -> 1 + index in the set, 0: none */
    struct numbers found;               /* the sets of bytes that have moves */
};

/* Numbers of 32 bits say where sets and closures are. */
static int is_addressable(struct construction *work)
{
    if (work->members.count <= UINT32_MAX && work->closures.count <= UINT32_MAX)
        return 1;
    work->memory.status = AUTOMATA_TOO_MUCH_MEMORY;
    return 0;
}

static int is_sound_input(const struct construction *work, uint32_t classes)
{
    const struct nondeterministic *in = work->in;
    uint64_t sets = work->set_classes->count / AUTOMATA_SET_WORDS;

    if (work->nfa_states == 0 || work->nfa_states > UINT32_MAX || in->states.count != work->nfa_states * 3 || in->start >= work->nfa_states)
        return 0;
    for (uint64_t state = 0; state < work->nfa_states; state++) {
        const uint32_t *each = in->states.items + state * 3;

        if (each[0] > AUTOMATA_MARKED || (each[0] == AUTOMATA_MOVE && each[1] >= sets))
            return 0;
        if (each[0] == AUTOMATA_SPLIT ? (uint64_t)each[1] + each[2] > in->branches.count : each[2] >= work->nfa_states)
            return 0;
    }
    for (uint64_t index = 0; index < in->branches.count; index++)
        if (in->branches.items[index] >= work->nfa_states)
            return 0;
    return classes > 0 && classes <= MAX_CLASSES && work->set_classes->count % AUTOMATA_SET_WORDS == 0;
}

/* A stamp that no state has. */
static void new_stamp(struct construction *work)
{
    if (++work->stamp == 0) {
        memset(work->stamps.items, 0, work->nfa_states * sizeof *work->stamps.items);
        work->stamp = 1;
    }
}

static int is_fresh(struct construction *work, uint32_t state)
{
    if (work->stamps.items[state] == work->stamp)
        return 0;
    work->stamps.items[state] = work->stamp;
    return 1;
}

static int wait_for(struct construction *work, uint32_t state)
{
    return !is_fresh(work, state) || numbers_push(&work->memory, &work->waiting, state);
}

/* Computes the closure of a state: what is reached without consuming a byte, splits left out. */
static int close_over(struct construction *work, uint32_t from)
{
    uint64_t first = work->closures.count;

    new_stamp(work);
    work->waiting.count = 0;
    if (!numbers_push(&work->memory, &work->closures, 0) || !wait_for(work, from))
        return 0;
    while (work->waiting.count) {
        uint32_t state = work->waiting.items[--work->waiting.count];
        const uint32_t *each = work->in->states.items + (uint64_t)state * 3;

        if (each[0] == AUTOMATA_SPLIT) {
            for (uint32_t branch = 0; branch < each[2]; branch++)
                if (!wait_for(work, work->in->branches.items[each[1] + branch]))
                    return 0;
        } else if (!numbers_push(&work->memory, &work->closures, state) || (each[0] == AUTOMATA_MARKED && !wait_for(work, each[2]))) {
            return 0;
        }
    }
    work->closures.items[first] = (uint32_t)(work->closures.count - first - 1);
    work->closure_of.items[from] = (uint32_t)first;
    return is_addressable(work);
}

/* Adds a closure, which has been computed, to the candidate, which has room for it; returns the sum of the hashes of what was new. */
static uint64_t gather(struct construction *work, uint32_t from)
{
    const uint32_t *closure = work->closures.items + work->closure_of.items[from];
    uint32_t *items = work->candidate.items;
    uint64_t count = work->candidate.count, sum = 0;

    for (uint32_t index = 1; index <= closure[0]; index++)
        if (is_fresh(work, closure[index])) {
            items[count++] = closure[index];
            sum += mixed(closure[index] + 1u);
        }
    work->candidate.count = count;
    return sum;
}

static int has_candidates_members(const struct construction *work, uint32_t state)
{
    uint64_t first = work->ends.items[state - 1], count = work->ends.items[state] - first;

    if (count != work->candidate.count)
        return 0;
    for (uint64_t index = first; index < first + count; index++)
        if (work->stamps.items[work->members.items[index]] != work->stamp)
            return 0;
    return 1;
}

/* A new state of the result for the candidate. */
static int add_subset(struct construction *work, uint64_t hash)
{
    struct numbers *candidate = &work->candidate, *members = &work->members;
    uint32_t label;

    for (uint64_t index = 0; index < candidate->count; index++) {
        const uint32_t *each = work->in->states.items + (uint64_t)candidate->items[index] * 3;

        if (each[0] == AUTOMATA_MARKED && !numbers_push(&work->memory, &work->labels.marks, each[1]))
            return 0;
    }
    if (!take_label(&work->memory, &work->labels, &label) || !numbers_reserve(&work->memory, members, candidate->count))
        return 0;
    memcpy(members->items + members->count, candidate->items, candidate->count * sizeof *members->items);
    members->count += candidate->count;
    return is_addressable(work) && index_put(&work->memory, &work->index, hash, (uint32_t)states_of(&work->making.made)) &&
           numbers_push(&work->memory, &work->ends, (uint32_t)members->count) && add_state(&work->making, label);
}

/* The number of the candidate, whose members have the stamp and hashes that sum up to `sum`; the dead state's when it is empty. */
static int number_candidate(struct construction *work, uint64_t sum, uint32_t *number)
{
    uint64_t hash = mixed(sum), at = hash;

    *number = 0;
    if (work->candidate.count == 0)
        return 1;
    while ((*number = index_next(&work->index, hash, &at)))
        if (has_candidates_members(work, *number))
            return 1;
    *number = (uint32_t)states_of(&work->making.made);
    return add_subset(work, hash);
}

/* Computes the closures of all targets of a state's moves, and sorts the moves by their bytes. `*union_of` has all classes with a move. */
static int sort_moves(struct construction *work, uint64_t first, uint64_t count, struct classes *union_of)
{
    *union_of = (struct classes){{0}};
    work->found.count = 0;
    work->nexts.count = 0;
    if (!numbers_reserve(&work->memory, &work->nexts, count))
        return 0;
    for (uint64_t index = 0; index < count; index++) {
        const uint32_t *each = work->in->states.items + (uint64_t)work->members.items[first + index] * 3;

        work->nexts.items[index] = 0;
        if (each[0] != AUTOMATA_MOVE)
            continue;
        if (work->closure_of.items[each[2]] == 0 && !close_over(work, each[2]))
            return 0;
        work->nexts.items[index] = work->heads.items[each[1]];
        work->heads.items[each[1]] = (uint32_t)index + 1;
        if (work->nexts.items[index] == 0) {
            if (!numbers_push(&work->memory, &work->found, each[1]))
                return 0;
            add_classes(union_of, set_of(work->set_classes, each[1]));
        }
    }
    return 1;
}

/* Gathers what a state's moves lead to on one class; takes from `alike` the classes that lead elsewhere. */
static int gather_on(struct construction *work, uint64_t first, uint32_t class, struct classes *alike, uint64_t *sum)
{
    *sum = 0;
    work->candidate.count = 0;
    new_stamp(work);
    for (uint64_t index = 0; index < work->found.count; index++) {
        uint32_t set = work->found.items[index];
        const struct classes *members = set_of(work->set_classes, set);
        int moves = has_class(members, class);

        if (moves)
            keep_classes(alike, members);
        else
            drop_classes(alike, members);
        for (uint32_t move = moves ? work->heads.items[set] : 0; move; move = work->nexts.items[move - 1]) {
            uint32_t target = work->in->states.items[(uint64_t)work->members.items[first + move - 1] * 3 + 2];

            if (!numbers_reserve(&work->memory, &work->candidate, work->closures.items[work->closure_of.items[target]]))
                return 0;
            *sum += gather(work, target);
        }
    }
    return 1;
}

/* The edges of a state; successors are numbered in the order of their classes. */
static int step(struct construction *work, uint64_t state)
{
    uint64_t first = work->ends.items[state - 1], sum;
    struct classes left, alike;
    uint32_t class, number;

    if (!sort_moves(work, first, work->ends.items[state] - first, &left))
        return 0;
    while ((class = first_class(&left)) != MAX_CLASSES) {
        alike = left;
        if (!gather_on(work, first, class, &alike, &sum) || !number_candidate(work, sum, &number))
            return 0;
        if (number && !add_edge(&work->making, number, &alike))
            return 0;
        drop_classes(&left, &alike);
    }
    for (uint64_t index = 0; index < work->found.count; index++)
        work->heads.items[work->found.items[index]] = 0;
    return end_state(&work->making);
}

static int construct(struct construction *work, uint32_t classes, uint32_t max_states)
{
    struct memory *memory = &work->memory;
    uint64_t sum;

    if (!is_sound_input(work, classes)) {
        memory->status = AUTOMATA_MALFORMED;
        return 0;
    }
    /* The place 0 is no closure's, so that 0 can say that one is not there. */
    if (!numbers_zeros(memory, &work->stamps, work->nfa_states) || !numbers_zeros(memory, &work->closure_of, work->nfa_states) ||
        !numbers_zeros(memory, &work->heads, work->set_classes->count) || !numbers_push(memory, &work->closures, 0) || !numbers_push(memory, &work->ends, 0) ||
        !index_begin(memory, &work->index) || !begin_mark_sets(memory, &work->labels) ||
        !begin_making(memory, &work->making, classes, max_states))
        return 0;
    if (!close_over(work, work->in->start) || !numbers_reserve(memory, &work->candidate, work->closures.count))
        return 0;
    new_stamp(work);
    sum = gather(work, work->in->start);
    if (!number_candidate(work, sum, &work->making.made.start))
        return 0;
    for (uint64_t state = 1; state < states_of(&work->making.made); state++)
        if (!step(work, state))
            return 0;
    return numbers_finish(memory, &work->labels.ends) && numbers_finish(memory, &work->labels.marks);
}

int automata_determinize(const struct nondeterministic *in, const struct numbers *set_classes, uint32_t classes, uint32_t max_states,
                         uint64_t limit_bytes, struct machine *out, struct numbers *mark_ends, struct numbers *marks)
{
    struct construction work = {
        .memory = {.limit = limit_bytes}, .in = in, .set_classes = set_classes, .nfa_states = in->states.count / 3,
    };
    struct numbers *scratch[] = {&work.members, &work.ends, &work.stamps, &work.closures, &work.closure_of,
                                 &work.waiting, &work.candidate, &work.heads, &work.nexts, &work.found};
    int done;

    work.making.memory = &work.memory;
    done = end_making(&work.making, construct(&work, classes, max_states), out);
    for (uint64_t index = 0; index < sizeof scratch / sizeof *scratch; index++)
        numbers_release(&work.memory, scratch[index]);
    index_release(&work.memory, &work.index);
    index_release(&work.memory, &work.labels.index);
    if (done) {
        *mark_ends = work.labels.ends;
        *marks = work.labels.marks;
        return AUTOMATA_DONE;
    }
    numbers_release(&work.memory, &work.labels.ends);
    numbers_release(&work.memory, &work.labels.marks);
    return work.memory.status;
}
