/* Tree -> nondeterministic machine: Thompson's construction (CACM 11:6, 1968), as compiler/automata/nfa.py has it, state for state.
 *
 * A fragment is built towards the state that follows it, so the tree is written in the order in which it is built: the parts of
 * a row last first. What is repeated is read again for each copy. */

#include "memory.h"

#define MAX_DEPTH 4096

struct builder {
    struct memory memory;
    const uint32_t *tree;
    uint64_t words;
    const unsigned char *text;
    uint64_t text_bytes;
    const uint32_t *set_of_byte;
    uint32_t max_states;
    uint64_t at;
    unsigned depth;
    struct nondeterministic made;
    struct numbers choices; /* the starts of choices that are being gathered: a stack */
};

static int refuse(struct builder *builder, enum automata_status status)
{
    if (builder->memory.status == AUTOMATA_DONE)
        builder->memory.status = status;
    return 0;
}

static int next_word(struct builder *builder, uint32_t *word)
{
    if (builder->at >= builder->words)
        return refuse(builder, AUTOMATA_MALFORMED);
    *word = builder->tree[builder->at++];
    return 1;
}

/* A state; `*number` is its number. */
static int add(struct builder *builder, uint32_t kind, uint32_t value, uint32_t target, uint32_t *number)
{
    struct numbers *states = &builder->made.states;
    uint32_t made = (uint32_t)(states->count / 3);

    if (made >= builder->max_states)
        return refuse(builder, AUTOMATA_TOO_MANY_STATES);
    if (!numbers_reserve(&builder->memory, states, 3))
        return 0;
    states->items[states->count++] = kind;
    states->items[states->count++] = value;
    states->items[states->count++] = target;
    *number = made;
    return 1;
}

/* Gives a split the branches that were put at the end of `branches` from `first` on. */
static int set_branches(struct builder *builder, uint32_t split, uint64_t first)
{
    struct numbers *branches = &builder->made.branches;

    if (branches->count > UINT32_MAX)
        return refuse(builder, AUTOMATA_TOO_MANY_STATES);
    builder->made.states.items[(uint64_t)split * 3 + 1] = (uint32_t)first;
    builder->made.states.items[(uint64_t)split * 3 + 2] = (uint32_t)(branches->count - first);
    return 1;
}

static int set_two_branches(struct builder *builder, uint32_t split, uint32_t one, uint32_t other)
{
    struct numbers *branches = &builder->made.branches;
    uint64_t first = branches->count;

    return numbers_push(&builder->memory, branches, one) && numbers_push(&builder->memory, branches, other) && set_branches(builder, split, first);
}

static int build(struct builder *builder, uint32_t following, uint32_t *start);

static int build_literal(struct builder *builder, uint32_t following, uint32_t *start)
{
    uint32_t offset, bytes;

    if (!next_word(builder, &offset) || !next_word(builder, &bytes))
        return 0;
    if ((uint64_t)offset + bytes > builder->text_bytes)
        return refuse(builder, AUTOMATA_MALFORMED);
    while (bytes--)
        if (!add(builder, AUTOMATA_MOVE, builder->set_of_byte[builder->text[(uint64_t)offset + bytes]], following, &following))
            return 0;
    *start = following;
    return 1;
}

static int build_row(struct builder *builder, uint32_t following, uint32_t *start)
{
    uint32_t parts;

    if (!next_word(builder, &parts))
        return 0;
    while (parts--)
        if (!build(builder, following, &following))
            return 0;
    *start = following;
    return 1;
}

static int build_choices(struct builder *builder, uint32_t following, uint32_t *start)
{
    uint64_t bottom = builder->choices.count, first;
    uint32_t count, each;

    if (!next_word(builder, &count))
        return 0;
    while (count--)
        if (!build(builder, following, &each) || !numbers_push(&builder->memory, &builder->choices, each))
            return 0;
    if (!add(builder, AUTOMATA_SPLIT, 0, 0, start))
        return 0;
    first = builder->made.branches.count;
    for (uint64_t index = bottom; index < builder->choices.count; index++)
        if (!numbers_push(&builder->memory, &builder->made.branches, builder->choices.items[index]))
            return 0;
    builder->choices.count = bottom;
    return set_branches(builder, *start, first);
}

/* x{2,4} is xx(x(x)?)?, x{2,} is xx and a loop. The inner tree is never repeated 0 times: that would be AUTOMATA_EMPTY. */
static int build_repeat(struct builder *builder, uint32_t following, uint32_t *start)
{
    uint32_t minimum, maximum, entry = following, inner;
    uint64_t tree;

    if (!next_word(builder, &minimum) || !next_word(builder, &maximum))
        return 0;
    if (maximum < minimum || maximum == 0)
        return refuse(builder, AUTOMATA_MALFORMED);
    tree = builder->at;
    if (maximum == AUTOMATA_UNBOUNDED) {
        if (!add(builder, AUTOMATA_SPLIT, 0, 0, &entry) || !build(builder, entry, &inner) || !set_two_branches(builder, entry, inner, following))
            return 0;
    } else {
        for (uint32_t copy = minimum; copy < maximum; copy++) {
            builder->at = tree;
            if (!build(builder, entry, &inner) || !add(builder, AUTOMATA_SPLIT, 0, 0, &entry) || !set_two_branches(builder, entry, inner, following))
                return 0;
        }
    }
    for (uint32_t copy = 0; copy < minimum; copy++) {
        builder->at = tree;
        if (!build(builder, entry, &entry))
            return 0;
    }
    *start = entry;
    return 1;
}

/* One state of a graph, whose entries begin at `entries`: its moves, and the end where it may end. */
static int build_graph_state(struct builder *builder, uint32_t following, uint32_t entries, uint32_t states, uint32_t state)
{
    uint32_t final, moves, set, target, move;
    uint64_t bottom = builder->choices.count, first;

    if (!next_word(builder, &final) || !next_word(builder, &moves))
        return 0;
    while (moves--) {
        if (!next_word(builder, &set) || !next_word(builder, &target))
            return 0;
        if (target >= states)
            return refuse(builder, AUTOMATA_MALFORMED);
        if (!add(builder, AUTOMATA_MOVE, set, entries + target, &move) || !numbers_push(&builder->memory, &builder->choices, move))
            return 0;
    }
    if (final && !numbers_push(&builder->memory, &builder->choices, following))
        return 0;
    first = builder->made.branches.count;
    for (uint64_t index = bottom; index < builder->choices.count; index++)
        if (!numbers_push(&builder->memory, &builder->made.branches, builder->choices.items[index]))
            return 0;
    builder->choices.count = bottom;
    return set_branches(builder, entries + state, first);
}

static int build_graph(struct builder *builder, uint32_t following, uint32_t *start)
{
    uint32_t states, ignored, entries = (uint32_t)(builder->made.states.count / 3);

    if (!next_word(builder, &states))
        return 0;
    if (states == 0)
        return refuse(builder, AUTOMATA_MALFORMED);
    for (uint32_t state = 0; state < states; state++)
        if (!add(builder, AUTOMATA_SPLIT, 0, 0, &ignored))
            return 0;
    for (uint32_t state = 0; state < states; state++)
        if (!build_graph_state(builder, following, entries, states, state))
            return 0;
    *start = entries;
    return 1;
}

static int build_node(struct builder *builder, uint32_t node, uint32_t following, uint32_t *start)
{
    uint32_t value;

    switch (node) {
    case AUTOMATA_EMPTY:
        *start = following;
        return 1;
    case AUTOMATA_LITERAL:
        return build_literal(builder, following, start);
    case AUTOMATA_ONE_OF:
        return next_word(builder, &value) && add(builder, AUTOMATA_MOVE, value, following, start);
    case AUTOMATA_CONCAT:
        return build_row(builder, following, start);
    case AUTOMATA_ALTERNATE:
        return build_choices(builder, following, start);
    case AUTOMATA_REPEAT:
        return build_repeat(builder, following, start);
    case AUTOMATA_MARK:
        return next_word(builder, &value) && add(builder, AUTOMATA_MARKED, value, following, start);
    case AUTOMATA_GRAPH:
        return build_graph(builder, following, start);
    default:
        return refuse(builder, AUTOMATA_MALFORMED);
    }
}

/* The tree that is next, towards `following`; `*start` is where it begins. */
static int build(struct builder *builder, uint32_t following, uint32_t *start)
{
    uint32_t node;
    int done;

    if (builder->depth == MAX_DEPTH)
        return refuse(builder, AUTOMATA_MALFORMED);
    builder->depth++;
    done = next_word(builder, &node) && build_node(builder, node, following, start);
    builder->depth--;
    return done;
}

int automata_thompson(const uint32_t *tree, uint64_t words, const unsigned char *text, uint64_t text_bytes, const uint32_t *set_of_byte,
                      uint32_t max_states, uint64_t limit_bytes, struct nondeterministic *out)
{
    struct builder builder = {
        .memory = {.limit = limit_bytes}, .tree = tree, .words = words, .text = text, .text_bytes = text_bytes,
        .set_of_byte = set_of_byte, .max_states = max_states,
    };
    uint32_t end;
    int done = add(&builder, AUTOMATA_SPLIT, 0, 0, &end) && build(&builder, end, &builder.made.start) &&
               numbers_finish(&builder.memory, &builder.made.states) && numbers_finish(&builder.memory, &builder.made.branches);

    numbers_release(&builder.memory, &builder.choices);
    if (done) {
        *out = builder.made;
        return AUTOMATA_DONE;
    }
    numbers_release(&builder.memory, &builder.made.states);
    numbers_release(&builder.memory, &builder.made.branches);
    return builder.memory.status;
}
