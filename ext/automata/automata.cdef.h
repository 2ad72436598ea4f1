/* What compiler/automata/compiled.py may call. Numbers are 32 bits in the machine's own order. Every function but
 * automata_free takes its inputs as they are and returns a status; outputs are written only on AUTOMATA_DONE, and each
 * of their arrays then belongs to the caller, for automata_free. `limit_bytes` bounds what one call holds at a time. */

enum automata_status {
    AUTOMATA_DONE,
    AUTOMATA_TOO_MANY_STATES,
    AUTOMATA_TOO_MUCH_MEMORY, /* beyond limit_bytes */
    AUTOMATA_NO_MEMORY,       /* the allocator refused */
    AUTOMATA_NOT_AT_END,      /* follow: a state that hands over could go on */
    AUTOMATA_TOO_LARGE,       /* pack: more than max_entries */
    AUTOMATA_MALFORMED        /* an input that its maker never makes: a number out of its bounds */
};

struct numbers {
    uint32_t *items;
    uint64_t count;
    uint64_t room;
};

/* A nondeterministic machine: three numbers a state (AUTOMATA_MOVE, number of its set of bytes, target), (AUTOMATA_SPLIT,
 * first of its branches, how many), (AUTOMATA_MARKED, mark, target). */
enum automata_state { AUTOMATA_MOVE, AUTOMATA_SPLIT, AUTOMATA_MARKED };

struct nondeterministic {
    struct numbers states;
    struct numbers branches;
    uint32_t start;
};

/* A deterministic machine of `labels.count` states: labels[state] -> number of its set of marks, 0 for none. The edges of a state are
 * those from firsts[state] up to firsts[state + 1], each (set of classes, target): one for each state but the dead one that it leads to,
 * in the order of their smallest classes. State 0 is dead: it has no edges and its label is 0. Sets are different, not empty,
 * numbered as edges first use them, and have AUTOMATA_SET_WORDS numbers each: bit c % 32 of the number c / 32 is for class c. */
struct machine {
    uint32_t width; /* classes */
    uint32_t start;
    struct numbers firsts;
    struct numbers edges;
    struct numbers sets;
    struct numbers labels;
};
#define AUTOMATA_SET_WORDS 8

/* A tree in the order in which it is built, last part first (thompson.c). */
enum automata_node {
    AUTOMATA_EMPTY,
    AUTOMATA_LITERAL,   /* offset into `text`, bytes */
    AUTOMATA_ONE_OF,    /* set */
    AUTOMATA_CONCAT,    /* parts; then they, last first */
    AUTOMATA_ALTERNATE, /* choices; then they */
    AUTOMATA_REPEAT,    /* minimum, maximum or AUTOMATA_UNBOUNDED; then the inner tree */
    AUTOMATA_MARK,      /* mark */
    AUTOMATA_GRAPH      /* states; then each: whether it is final, moves, (set, target) each */
};
#define AUTOMATA_UNBOUNDED 4294967295

/* set_of_byte: the number of the set that holds one byte alone, 256 of them. */
int automata_thompson(const uint32_t *tree, uint64_t words, const unsigned char *text, uint64_t text_bytes, const uint32_t *set_of_byte,
                      uint32_t max_states, uint64_t limit_bytes, struct nondeterministic *out);

/* set_classes: the classes of each set of bytes, as in a machine's sets.
 * marks[mark_ends[k - 1] .. mark_ends[k]) are the marks of label k, ascending. */
int automata_determinize(const struct nondeterministic *in, const struct numbers *set_classes, uint32_t classes, uint32_t max_states,
                         uint64_t limit_bytes, struct machine *out, struct numbers *mark_ends, struct numbers *marks);

enum automata_pairing {
    AUTOMATA_BOTH,   /* alive while both are */
    AUTOMATA_EITHER, /* alive while one is */
    AUTOMATA_LEFT,   /* alive while the left one is */
    AUTOMATA_THEN    /* left until a label for which hands_over is not 0, from there on right */
};

/* halves: for each of `classes` classes the left machine's and the right one's. pairs: for each label of `out` the left
 * and the right label; label 0 is (0, 0). */
int automata_pair(const struct machine *left, const struct machine *right, const uint32_t *halves, uint32_t classes, int pairing,
                  const unsigned char *hands_over, uint64_t flags, uint32_t max_states, uint64_t limit_bytes, struct machine *out, struct numbers *pairs);

/* meanings: what each label of `in` becomes, `count` of them. The labels of `out` are numbered as they first occur;
 * kept[label] is what it was among the meanings. */
int automata_trim(const struct machine *in, const uint32_t *meanings, uint64_t count, uint64_t limit_bytes, struct machine *out, struct numbers *kept);

/* classes: 256 bytes, byte -> class; in place. Classes are numbered by their smallest bytes, before and after. */
int automata_minimize(const struct machine *in, const uint32_t *meanings, uint64_t count, uint64_t limit_bytes, struct machine *out,
                      struct numbers *kept, unsigned char *classes);
int automata_merge_columns(const struct machine *in, unsigned char *classes, uint64_t limit_bytes, struct machine *out);

/* bases: [state] -> where its row begins, 0 for one left out. States below special_limit are dead or special. states: how many are in the
 * table (also on AUTOMATA_TOO_LARGE). A machine with more than 254 classes is malformed. */
int automata_pack(const struct machine *in, const uint32_t *special, uint64_t specials, uint64_t max_entries, uint64_t limit_bytes,
                  struct numbers *transitions, struct numbers *bases, uint32_t *special_limit, uint64_t *states);

void automata_free(uint32_t *items);
