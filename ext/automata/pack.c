/* Machine -> the entries of a kernel map, as compiler/automata/pack.py draws them. */

#include <string.h>

#include "machine.h"

#define FALL 255u
#define COLUMN_SHIFT 24
#define ROW_ENTRIES 256u
#define MOST_FALLS 3u
#define MANY 4u

struct packing {
    struct memory memory;
    const struct machine *in;
    struct numbers order; /* dead, special, then the others */
    struct numbers is_ordered, found, is_found;
    struct numbers falls; /* [state] -> the state whose row its row falls to */
    struct numbers depths; /* [state] -> falls from its row to the last */
    struct numbers first;  /* [state] -> the first row of which most leads there */
    struct numbers last;   /* the same of the last that may be fallen to */
    struct numbers is_beneath;
    struct numbers sizes; /* [place in order] -> entries of its own */
    struct numbers bases, table;
    struct numbers is_used; /* [base] */
    uint64_t max_entries;
    int is_too_large;
};

/* One state's targets by column, and what of them its own row says. */
struct row {
    uint32_t targets[ROW_ENTRIES];
    uint32_t columns[ROW_ENTRIES], count;
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
    if (state == 0 || work->is_ordered.items[state])
        return 1;
    work->is_ordered.items[state] = 1;
    return numbers_push(&work->memory, &work->order, state);
}

/* Dead, special, then the others breadth first from the start and from the special states. */
static int order_states(struct packing *work, const uint32_t *special, uint64_t specials)
{
    uint64_t states = states_of(work->in);

    if (!numbers_zeros(&work->memory, &work->is_ordered, states) || !numbers_zeros(&work->memory, &work->is_found, states) ||
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

/* What the machine says, dead where it says nothing; returns the columns that are alive. */
static uint32_t spread(const struct machine *in, uint32_t state, uint32_t *targets)
{
    uint32_t alive = 0;

    memset(targets, 0, ROW_ENTRIES * sizeof *targets);
    for (const uint32_t *edge = edges_of(in, state); edge != edges_of(in, (uint64_t)state + 1); edge += 2) {
        struct classes left = *set_of(&in->sets, edge[0]);

        for (uint32_t word = 0; word < AUTOMATA_SET_WORDS; word++)
            for (; left.words[word]; left.words[word] &= left.words[word] - 1, alive++)
                targets[word * 32 + (uint32_t)__builtin_ctz(left.words[word]) + 1] = edge[1];
    }
    return alive;
}

static uint32_t differing(const uint32_t *one, const uint32_t *other)
{
    uint32_t count = 0;

    for (uint32_t column = 1; column < FALL; column++)
        count += one[column] != other[column];
    return count;
}

/* Where most columns lead; of several, where the smallest of them does. */
static uint32_t usual_target(const struct machine *in, uint32_t state)
{
    uint32_t most = 0, usual = 0;

    for (const uint32_t *edge = edges_of(in, state); edge != edges_of(in, (uint64_t)state + 1); edge += 2) {
        const struct classes *members = set_of(&in->sets, edge[0]);
        uint32_t count = 0;

        for (uint32_t word = 0; word < AUTOMATA_SET_WORDS; word++)
            count += (uint32_t)__builtin_popcount(members->words[word]);
        if (count > most) {
            most = count;
            usual = edge[1];
        }
    }
    return usual;
}

static void choose_fall(struct packing *work, uint32_t state, struct row *row, struct row *other)
{
    uint32_t usual, candidates[3], least = spread(work->in, state, row->targets);

    if (least <= MANY || work->is_beneath.items[state])
        return;
    usual = usual_target(work->in, state);
    candidates[0] = usual;
    candidates[1] = work->first.items[usual];
    candidates[2] = work->last.items[usual];
    for (int index = 0; index < 3; index++) {
        uint32_t candidate = candidates[index], count;

        if (candidate == 0 || candidate == state || work->depths.items[candidate] >= MOST_FALLS)
            continue;
        spread(work->in, candidate, other->targets);
        count = 1 + differing(row->targets, other->targets);
        if (count < least) {
            least = count;
            work->falls.items[state] = candidate;
        }
    }
    if (work->falls.items[state]) {
        work->is_beneath.items[work->falls.items[state]] = 1;
        work->depths.items[state] = work->depths.items[work->falls.items[state]] + 1;
    }
    if (!work->first.items[usual])
        work->first.items[usual] = state;
    if (work->depths.items[state] < MOST_FALLS)
        work->last.items[usual] = state;
}

/* The entries that a row must have of its own. */
static void read_row(const struct packing *work, uint32_t state, struct row *row)
{
    uint32_t beneath[ROW_ENTRIES] = {0}, fall = work->falls.items[state];

    spread(work->in, state, row->targets);
    if (fall)
        spread(work->in, fall, beneath);
    row->count = 0;
    for (uint32_t column = 1; column < FALL; column++)
        if (row->targets[column] != beneath[column])
            row->columns[row->count++] = column;
    if (fall) {
        row->targets[FALL] = fall;
        row->columns[row->count++] = FALL;
    }
}

/* Have `entries` of the table and as many flags of bases, those that are new 0; 0 when refused. */
static int grow(struct packing *work, uint64_t entries)
{
    uint64_t had = work->table.count, more = entries <= had ? 0 : entries - had < had ? had : entries - had;

    if (!more)
        return 1;
    if (!numbers_reserve(&work->memory, &work->table, more) || !numbers_reserve(&work->memory, &work->is_used, more))
        return 0;
    memset(work->table.items + had, 0, more * sizeof(uint32_t));
    memset(work->is_used.items + had, 0, more * sizeof(uint32_t));
    work->table.count = work->is_used.count = had + more;
    return 1;
}

static int fits(const struct packing *work, const struct row *row, uint64_t base)
{
    if (work->is_used.items[base])
        return 0;
    for (uint32_t index = 0; index < row->count; index++)
        if (work->table.items[base + row->columns[index]])
            return 0;
    return 1;
}

/* The first base from `base` on; 0 when refused or too far. Entries name states until all have their bases. */
static uint64_t place(struct packing *work, uint32_t state, uint64_t base, struct row *row)
{
    read_row(work, state, row);
    for (;; base++) {
        if (base + ROW_ENTRIES > work->max_entries) {
            work->is_too_large = 1;
            return 0;
        }
        if (!grow(work, base + ROW_ENTRIES))
            return 0;
        if (fits(work, row, base))
            break;
    }
    work->is_used.items[base] = 1;
    for (uint32_t index = 0; index < row->count; index++)
        work->table.items[base + row->columns[index]] = row->columns[index] << COLUMN_SHIFT;
    work->bases.items[state] = (uint32_t)base;
    return base;
}

static int place_all(struct packing *work, uint64_t specials, uint32_t *special_limit, struct row *row)
{
    uint64_t at = 0, index;

    if (!grow(work, ROW_ENTRIES))
        return 0;
    work->is_used.items[0] = 1;
    for (index = 1; index < 1 + specials; index++)
        if (!(at = place(work, work->order.items[index], at + 1, row)))
            return 0;
    *special_limit = (uint32_t)at + 1;
    for (index = 1; index < work->order.count; index++) {
        read_row(work, work->order.items[index], row);
        work->sizes.items[index] = row->count;
    }
    for (uint32_t size = ROW_ENTRIES; size-- > 0;) {
        at = *special_limit - 1;
        for (index = 1 + specials; index < work->order.count; index++)
            if (work->sizes.items[index] == size && !(at = place(work, work->order.items[index], at + 1, row)))
                return 0;
    }
    return 1;
}

static void fill(struct packing *work, struct row *row)
{
    uint32_t last = 0;

    for (uint64_t index = 1; index < work->order.count; index++) {
        uint32_t state = work->order.items[index], base = work->bases.items[state];

        read_row(work, state, row);
        for (uint32_t column = 0; column < row->count; column++)
            work->table.items[base + row->columns[column]] |= work->bases.items[row->targets[row->columns[column]]];
        last = base > last ? base : last;
    }
    work->table.count = last + ROW_ENTRIES;
}

static int is_sound_input(const struct machine *in, const uint32_t *special, uint64_t specials)
{
    if (!is_sound(in, UINT64_MAX) || in->width >= FALL)
        return 0;
    for (uint64_t index = 0; index < specials; index++)
        if (special[index] == 0 || special[index] >= states_of(in))
            return 0;
    return 1;
}

static int pack(struct packing *work, const uint32_t *special, uint64_t specials, uint32_t *special_limit)
{
    uint64_t states = states_of(work->in);
    struct row row, other;

    if (!order_states(work, special, specials))
        return 0;
    if (!numbers_zeros(&work->memory, &work->last, states) || !numbers_zeros(&work->memory, &work->falls, states) || !numbers_zeros(&work->memory, &work->depths, states) || !numbers_zeros(&work->memory, &work->first, states) ||
        !numbers_zeros(&work->memory, &work->is_beneath, states) || !numbers_zeros(&work->memory, &work->bases, states) ||
        !numbers_zeros(&work->memory, &work->sizes, work->order.count))
        return 0;
    for (uint64_t index = 1; index < work->order.count; index++)
        choose_fall(work, work->order.items[index], &row, &other);
    if (!place_all(work, specials, special_limit, &row))
        return 0;
    fill(work, &row);
    return 1;
}

int automata_pack(const struct machine *in, const uint32_t *special, uint64_t specials, uint64_t max_entries, uint64_t limit_bytes,
                  struct numbers *transitions, struct numbers *bases, uint32_t *special_limit, uint64_t *states)
{
    struct packing work = {.memory = {.limit = limit_bytes}, .in = in, .max_entries = max_entries < 1u << COLUMN_SHIFT ? max_entries : 1u << COLUMN_SHIFT};
    int done;

    if (!is_sound_input(in, special, specials))
        return AUTOMATA_MALFORMED;
    done = pack(&work, special, specials, special_limit);
    *states = work.order.count;
    numbers_release(&work.memory, &work.order);
    numbers_release(&work.memory, &work.is_ordered);
    numbers_release(&work.memory, &work.found);
    numbers_release(&work.memory, &work.is_found);
    numbers_release(&work.memory, &work.falls);
    numbers_release(&work.memory, &work.depths);
    numbers_release(&work.memory, &work.first);
    numbers_release(&work.memory, &work.last);
    numbers_release(&work.memory, &work.is_beneath);
    numbers_release(&work.memory, &work.sizes);
    numbers_release(&work.memory, &work.is_used);
    if (done && numbers_finish(&work.memory, &work.table)) {
        *transitions = work.table;
        *bases = work.bases;
        return AUTOMATA_DONE;
    }
    numbers_release(&work.memory, &work.table);
    numbers_release(&work.memory, &work.bases);
    return work.is_too_large ? AUTOMATA_TOO_LARGE : (int)work.memory.status;
}
