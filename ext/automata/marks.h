/* Sets of marks, by the label that states carry for them. Label 0 is the set without members. */

#ifndef AUTOMATA_MARKS_H
#define AUTOMATA_MARKS_H

#include "index.h"

/* marks[ends[label - 1] .. ends[label]), ascending. */
struct mark_sets {
    struct numbers ends, marks;
    struct index index;
};

int begin_mark_sets(struct memory *memory, struct mark_sets *sets);

/* The label of the marks that were put behind the last set, in any order and perhaps twice; they are taken from there. */
int take_label(struct memory *memory, struct mark_sets *sets, uint32_t *label);

#endif
