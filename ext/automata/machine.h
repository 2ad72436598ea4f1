/* What the algorithms on deterministic machines share. */

#ifndef AUTOMATA_MACHINE_H
#define AUTOMATA_MACHINE_H

#include "index.h"

#define MAX_CLASSES 256

/* A set of classes. */
struct classes {
    uint32_t words[AUTOMATA_SET_WORDS];
};

static inline const struct classes *set_of(const struct numbers *sets, uint32_t set)
{
    return (const struct classes *)(sets->items + (uint64_t)set * AUTOMATA_SET_WORDS);
}

static inline int has_class(const struct classes *classes, uint32_t class)
{
    return (int)(classes->words[class / 32] >> class % 32 & 1);
}

static inline void add_class(struct classes *classes, uint32_t class)
{
    classes->words[class / 32] |= 1u << class % 32;
}

static inline void add_classes(struct classes *classes, const struct classes *more)
{
    for (int word = 0; word < AUTOMATA_SET_WORDS; word++)
        classes->words[word] |= more->words[word];
}

static inline void keep_classes(struct classes *classes, const struct classes *kept)
{
    for (int word = 0; word < AUTOMATA_SET_WORDS; word++)
        classes->words[word] &= kept->words[word];
}

static inline void drop_classes(struct classes *classes, const struct classes *dropped)
{
    for (int word = 0; word < AUTOMATA_SET_WORDS; word++)
        classes->words[word] &= ~dropped->words[word];
}

/* The smallest, MAX_CLASSES for none. */
static inline uint32_t first_class(const struct classes *classes)
{
    for (uint32_t word = 0; word < AUTOMATA_SET_WORDS; word++)
        if (classes->words[word])
            return word * 32 + (uint32_t)__builtin_ctz(classes->words[word]);
    return MAX_CLASSES;
}

/* Sets of classes by number, found again by what they hold. */
struct class_sets {
    struct numbers items;
    struct index index; /* number + 1 */
};

int begin_class_sets(struct memory *memory, struct class_sets *sets);

/* The number of a set, which is added if it is new; 0 when refused. */
int set_number(struct memory *memory, struct class_sets *sets, const struct classes *members, uint32_t *number);

void release_class_sets(struct memory *memory, struct class_sets *sets);

static inline uint64_t states_of(const struct machine *machine)
{
    return machine->labels.count;
}

/* The first edge of a state, and the one behind its last; an edge is two numbers: set, target. */
static inline const uint32_t *edges_of(const struct machine *machine, uint64_t state)
{
    return machine->edges.items + 2 * (uint64_t)machine->firsts.items[state];
}

/* Whether every number in it is within its bounds and the dead state is dead: inputs are checked once, and then trusted. */
int is_sound(const struct machine *machine, uint64_t labels);

/* A machine being made, state by state: first its label is put behind the others, then its edges are added class by class. */
struct making {
    struct memory *memory;
    struct machine made;
    struct class_sets sets;
    struct numbers place; /* [state] -> place in `row`, if that one leads there */
    uint32_t max_states, count;
    uint32_t targets[MAX_CLASSES]; /* the edges of the state being made */
    struct classes members[MAX_CLASSES];
};

/* Begins with the dead state alone; 0 when refused. */
int begin_making(struct memory *memory, struct making *making, uint32_t width, uint32_t max_states);

/* A state behind the last, whose edges are still to come; 0 when refused or when there are `max_states` already. */
int add_state(struct making *making, uint32_t label);

/* Leads the state being made to `target` on more classes. Edges are added in the order of their smallest classes. */
int add_edge(struct making *making, uint32_t target, const struct classes *members);

/* Ends the state being made: the next one is. */
int end_state(struct making *making);

/* Hands the machine over as an output; 0 when refused. */
int finish_machine(struct memory *memory, struct machine *machine);

void release_machine(struct memory *memory, struct machine *machine);

/* What was made goes to `out` if `done`, and is released else; returns `done`. */
int end_making(struct making *making, int done, struct machine *out);

/* Edges by where they lead: those into state s are those from firsts[s] up to firsts[s + 1], each (source, set). */
struct incoming {
    struct numbers firsts, edges;
};

int find_incoming(struct memory *memory, const struct machine *machine, struct incoming *incoming);

void release_incoming(struct memory *memory, struct incoming *incoming);

/* [state] -> 1 if a state whose label means something (meanings[label] is not 0) can be reached from it, else 0. */
int find_hopeful(struct memory *memory, const struct machine *machine, const struct incoming *incoming, const uint32_t *meanings,
                 struct numbers *hopeful);

/* The machine whose states are groups of equal states, numbered breadth first from the start: group_of[state] with group 0 for
 * those that are dead, member_of[group] for one of its states. Labels become meanings, numbered as they first occur (`kept`). */
int quotient(struct memory *memory, const struct machine *in, const uint32_t *meanings, const uint32_t *group_of, const uint32_t *member_of,
             uint64_t groups, struct machine *out, struct numbers *kept);

/* The same states over the coarsest class map; in place, `classes` too. 0 for classes that are not numbered by their smallest bytes. */
int merge_columns(struct machine *machine, unsigned char *classes);

#endif
