/* Two machines -> one whose states are pairs: side by side (Rabin and Scott, 1959) or one after the other, as compiler/automata/product.py,
 * algebra.py and follow.py have it, state for state. A step goes through the classes that two edges share, not through every class. */

#include "machine.h"

struct pairing {
    struct memory memory;
    const struct machine *left, *right;
    struct numbers left_sets, right_sets; /* the sets of both, in classes of the result */
    int kind;
    const unsigned char *hands_over; /* [label of left] */
    uint64_t flags;                  /* how many */
    struct making making;
    struct numbers lefts, rights; /* [state of the result] */
    struct index index, label_index;
    struct numbers pairs; /* the labels */
};

static int is_alive(const struct pairing *work, uint32_t left, uint32_t right)
{
    switch (work->kind) {
    case AUTOMATA_BOTH:
        return left && right;
    case AUTOMATA_LEFT:
        return left != 0;
    default:
        return left || right;
    }
}

static int hands_over(const struct pairing *work, uint32_t left)
{
    return work->kind == AUTOMATA_THEN && left && work->hands_over[work->left->labels.items[left]];
}

/* Different pairs have different hashes: the mixing is a bijection. */
static uint64_t hash_of(uint32_t left, uint32_t right)
{
    return mixed((uint64_t)left << 32 | right);
}

static int number_label(struct pairing *work, uint32_t left, uint32_t right, uint32_t *label)
{
    uint64_t hash = hash_of(left, right), at = hash;

    *label = 0;
    if ((left | right) == 0 || (*label = index_next(&work->label_index, hash, &at)))
        return 1;
    *label = (uint32_t)(work->pairs.count / 2);
    return numbers_push(&work->memory, &work->pairs, left) && numbers_push(&work->memory, &work->pairs, right) &&
           index_put(&work->memory, &work->label_index, hash, *label);
}

/* The number of a pair; the dead state's for one that is not alive. */
static int number_pair(struct pairing *work, uint32_t left, uint32_t right, uint32_t *number)
{
    uint64_t hash = hash_of(left, right), at = hash;
    uint32_t label, right_label;

    *number = 0;
    if (!is_alive(work, left, right) || (*number = index_next(&work->index, hash, &at)))
        return 1;
    *number = (uint32_t)states_of(&work->making.made);
    right_label = work->right->labels.items[hands_over(work, left) ? work->right->start : right];
    return number_label(work, work->left->labels.items[left], right_label, &label) && add_state(&work->making, label) &&
           numbers_push(&work->memory, &work->lefts, left) && numbers_push(&work->memory, &work->rights, right) &&
           index_put(&work->memory, &work->index, hash, *number);
}

/* The edges of one half of a pair. */
struct half {
    const uint32_t *first, *end;
    const struct numbers *sets;
};

static struct half half_of(const struct machine *machine, const struct numbers *sets, uint32_t state)
{
    return (struct half){edges_of(machine, state), edges_of(machine, (uint64_t)state + 1), sets};
}

static void add_all(const struct half *half, struct classes *classes)
{
    for (const uint32_t *edge = half->first; edge != half->end; edge += 2)
        add_classes(classes, set_of(half->sets, edge[0]));
}

/* Where a half goes on a class; keeps in `alike` the classes on which it goes there, too. */
static uint32_t target_on(const struct half *half, uint32_t class, struct classes *alike)
{
    for (const uint32_t *edge = half->first; edge != half->end; edge += 2)
        if (has_class(set_of(half->sets, edge[0]), class)) {
            keep_classes(alike, set_of(half->sets, edge[0]));
            return edge[1];
        }
    for (const uint32_t *edge = half->first; edge != half->end; edge += 2)
        drop_classes(alike, set_of(half->sets, edge[0]));
    return 0;
}

static int step(struct pairing *work, uint64_t state)
{
    uint32_t left = work->lefts.items[state], right = work->rights.items[state], class, number;
    int handing = hands_over(work, left);
    struct half ours = half_of(work->left, &work->left_sets, handing ? 0 : left);
    struct half theirs = half_of(work->right, &work->right_sets, handing ? work->right->start : right);
    struct classes open = {{0}}, others = {{0}}, alike;

    add_all(&ours, &open);
    add_all(&theirs, &others);
    if (work->kind == AUTOMATA_BOTH)
        keep_classes(&open, &others);
    else if (work->kind != AUTOMATA_LEFT)
        add_classes(&open, &others);
    while ((class = first_class(&open)) != MAX_CLASSES) {
        alike = open;
        left = target_on(&ours, class, &alike);
        right = target_on(&theirs, class, &alike);
        if (!number_pair(work, left, right, &number) || (number && !add_edge(&work->making, number, &alike)))
            return 0;
        drop_classes(&open, &alike);
    }
    return end_state(&work->making);
}

/* Sets of a machine in the classes of the result, of which column[class] of the machine's has those that it became. */
static int translate(struct pairing *work, const struct machine *machine, const struct classes *column, struct numbers *sets)
{
    if (!numbers_zeros(&work->memory, sets, machine->sets.count))
        return 0;
    for (uint32_t set = 0; set < machine->sets.count / AUTOMATA_SET_WORDS; set++)
        for (uint32_t class = 0; class < machine->width; class++)
            if (has_class(set_of(&machine->sets, set), class))
                add_classes((struct classes *)(sets->items + (uint64_t)set * AUTOMATA_SET_WORDS), &column[class]);
    return 1;
}

/* halves: for each class of the result the class of left and that of right. */
static int translate_both(struct pairing *work, const uint32_t *halves, uint32_t classes)
{
    struct classes lefts[MAX_CLASSES] = {0}, rights[MAX_CLASSES] = {0};

    for (uint32_t class = 0; class < classes; class++) {
        add_class(&lefts[halves[2 * class]], class);
        add_class(&rights[halves[2 * class + 1]], class);
    }
    return translate(work, work->left, lefts, &work->left_sets) && translate(work, work->right, rights, &work->right_sets);
}

static int is_sound_input(const struct pairing *work, const uint32_t *halves, uint32_t classes)
{
    if (!is_sound(work->left, work->kind == AUTOMATA_THEN ? work->flags : UINT64_MAX) || !is_sound(work->right, UINT64_MAX))
        return 0;
    for (uint32_t class = 0; class < classes; class++)
        if (halves[2 * class] >= work->left->width || halves[2 * class + 1] >= work->right->width)
            return 0;
    return classes > 0 && classes <= MAX_CLASSES;
}

/* Whether no state that hands over could also go on. */
static int ends_where_it_hands_over(const struct pairing *work)
{
    for (uint64_t state = 1; work->kind == AUTOMATA_THEN && state < states_of(work->left); state++)
        if (hands_over(work, (uint32_t)state) && edges_of(work->left, state) != edges_of(work->left, state + 1))
            return 0;
    return 1;
}

static int pair(struct pairing *work, const uint32_t *halves, uint32_t classes, uint32_t max_states)
{
    struct memory *memory = &work->memory;

    if (!index_begin(memory, &work->index) || !index_begin(memory, &work->label_index) || !translate_both(work, halves, classes) ||
        !begin_making(memory, &work->making, classes, max_states) || !numbers_push(memory, &work->lefts, 0) ||
        !numbers_push(memory, &work->rights, 0) || !numbers_push(memory, &work->pairs, 0) || !numbers_push(memory, &work->pairs, 0))
        return 0;
    if (!number_pair(work, work->left->start, work->kind == AUTOMATA_THEN ? 0 : work->right->start, &work->making.made.start))
        return 0;
    for (uint64_t state = 1; state < states_of(&work->making.made); state++)
        if (!step(work, state))
            return 0;
    return numbers_finish(memory, &work->pairs);
}

int automata_pair(const struct machine *left, const struct machine *right, const uint32_t *halves, uint32_t classes, int pairing,
                  const unsigned char *hands_over, uint64_t flags, uint32_t max_states, uint64_t limit_bytes, struct machine *out,
                  struct numbers *pairs)
{
    struct pairing work = {
        .memory = {.limit = limit_bytes}, .left = left, .right = right, .kind = pairing, .hands_over = hands_over, .flags = flags,
    };
    int done;

    if (!is_sound_input(&work, halves, classes))
        return AUTOMATA_MALFORMED;
    if (!ends_where_it_hands_over(&work))
        return AUTOMATA_NOT_AT_END;
    work.making.memory = &work.memory;
    done = end_making(&work.making, pair(&work, halves, classes, max_states), out);
    numbers_release(&work.memory, &work.left_sets);
    numbers_release(&work.memory, &work.right_sets);
    numbers_release(&work.memory, &work.lefts);
    numbers_release(&work.memory, &work.rights);
    index_release(&work.memory, &work.index);
    index_release(&work.memory, &work.label_index);
    if (done) {
        *pairs = work.pairs;
        return AUTOMATA_DONE;
    }
    numbers_release(&work.memory, &work.pairs);
    return work.memory.status;
}
