/* Machine -> the smallest machine with the same marks: Hopcroft's partition refinement on edges that carry sets of classes.
 *
 * Sources: J. Hopcroft, "An n log n Algorithm for Minimizing States in a Finite Automaton", 1971; for edges with sets L. D'Antoni and
 * M. Veanes, "Minimization of Symbolic Automata", POPL 2014; for the dead state, which is never a splitter, M.-P. Béal and M. Crochemore,
 * "Minimizing incomplete automata", 2008; for the arrays A. Valmari, "Fast brief practical DFA minimization", 2012.
 *
 * A block is divided by which classes lead its members into the splitter: members with the same set of classes stay together. The
 * largest part keeps the block's number and waits only if the block did; for when all members of a block go into a set of states on
 * the same classes, then those that go alike into all parts of it but one go alike into that one. So every edge is looked at
 * log n times. */

#include <stdlib.h>

#include "machine.h"

struct partition {
    struct memory *memory;
    struct incoming incoming;
    struct class_sets sets; /* the machine's own, and unions of them */
    struct numbers members, place_of;  /* states, block by block; [state] -> its place there */
    struct numbers block_of;           /* [state]; states that are dead or hopeless are in block 0, which is never touched */
    struct numbers first, end, touched; /* [block] -> its places; how many of its first places are taken by states that were touched */
    struct numbers waiting;            /* blocks that are still to be splitters */
    struct numbers into;               /* [state] -> the classes on which it goes into the splitter, as the number of a set + 1; 0: none */
    struct numbers states, blocks;     /* that were touched */
    struct numbers is_waiting;         /* [block] */
    uint64_t *sorting;                 /* set and state of a block's touched members */
    uint64_t sorting_room;
};

static int add_block(struct partition *partition, uint32_t first, uint32_t end)
{
    return numbers_push(partition->memory, &partition->first, first) && numbers_push(partition->memory, &partition->end, end) &&
           numbers_push(partition->memory, &partition->touched, 0) && numbers_push(partition->memory, &partition->is_waiting, 0);
}

static int wait_for(struct partition *partition, uint32_t block)
{
    if (partition->is_waiting.items[block])
        return 1;
    partition->is_waiting.items[block] = 1;
    return numbers_push(partition->memory, &partition->waiting, block);
}

/* One block for each meaning, by counting; block 0 for what is not hopeful. `block_of` holds 1 for hopeful states and 0 for others. */
static int begin(struct partition *partition, const struct machine *machine, const uint32_t *meanings, uint64_t largest)
{
    struct numbers *block_of = &partition->block_of;
    struct numbers start = {0};
    uint64_t states = states_of(machine), total = 0;
    uint32_t block = 0;
    int done = numbers_zeros(partition->memory, &start, largest + 2) && numbers_zeros(partition->memory, &partition->members, states) &&
               numbers_zeros(partition->memory, &partition->place_of, states) && numbers_zeros(partition->memory, &partition->into, states) &&
               add_block(partition, 0, 0);

    for (uint64_t state = 0; done && state < states; state++)
        if (block_of->items[state])
            start.items[meanings[machine->labels.items[state]]]++;
    for (uint64_t meaning = 0; done && meaning <= largest; meaning++) {
        uint32_t count = start.items[meaning];

        start.items[meaning] = (uint32_t)total; /* from now on: the next place of this block */
        if (count == 0)
            continue;
        total += count;
        block++;
        done = add_block(partition, (uint32_t)total - count, (uint32_t)total) && wait_for(partition, block);
    }
    for (uint64_t state = 0; done && state < states; state++)
        if (block_of->items[state]) {
            uint32_t place = start.items[meanings[machine->labels.items[state]]]++;

            partition->members.items[place] = (uint32_t)state;
            partition->place_of.items[state] = place;
        }
    for (uint32_t each = 1; done && each <= block; each++)
        for (uint32_t place = partition->first.items[each]; place < partition->end.items[each]; place++)
            block_of->items[partition->members.items[place]] = each;
    numbers_release(partition->memory, &start);
    return done;
}

static void put(struct partition *partition, uint32_t place, uint32_t state)
{
    partition->members.items[place] = state;
    partition->place_of.items[state] = place;
}

/* Notes that `source` goes into the splitter on these classes, too, and moves it to the front of its block. */
static int touch(struct partition *partition, uint32_t source, uint32_t set)
{
    uint32_t block = partition->block_of.items[source], before = partition->into.items[source], place;

    if (before) {
        struct classes both = *set_of(&partition->sets.items, before - 1);

        add_classes(&both, set_of(&partition->sets.items, set));
        return set_number(partition->memory, &partition->sets, &both, &set) && (partition->into.items[source] = set + 1);
    }
    partition->into.items[source] = set + 1;
    if (!numbers_push(partition->memory, &partition->states, source))
        return 0;
    if (partition->touched.items[block] == 0 && !numbers_push(partition->memory, &partition->blocks, block))
        return 0;
    place = partition->first.items[block] + partition->touched.items[block]++;
    if (place != partition->place_of.items[source]) {
        put(partition, partition->place_of.items[source], partition->members.items[place]);
        put(partition, place, source);
    }
    return 1;
}

static int compare(const void *one, const void *other)
{
    uint64_t left = *(const uint64_t *)one, right = *(const uint64_t *)other;

    return (left > right) - (left < right);
}

/* Brings a block's touched members with the same set together. */
static int sort_touched(struct partition *partition, uint32_t first, uint32_t count)
{
    if (count > partition->sorting_room) {
        uint64_t room = count > 2 * partition->sorting_room ? count : 2 * partition->sorting_room;
        uint64_t *larger = memory_resize(partition->memory, partition->sorting, partition->sorting_room, room, sizeof *larger);

        if (larger == NULL)
            return 0;
        partition->sorting = larger;
        partition->sorting_room = room;
    }
    for (uint32_t index = 0; index < count; index++) {
        uint32_t state = partition->members.items[first + index];

        partition->sorting[index] = (uint64_t)partition->into.items[state] << 32 | state;
    }
    qsort(partition->sorting, count, sizeof *partition->sorting, compare);
    for (uint32_t index = 0; index < count; index++)
        put(partition, first + index, (uint32_t)partition->sorting[index]);
    return 1;
}

/* Where the part of a block that begins at `place` ends: of those below `middle`, at another set; else at the block's end. */
static uint32_t part_end(const struct partition *partition, uint32_t place, uint32_t middle, uint32_t end)
{
    uint32_t set;

    if (place >= middle)
        return end;
    set = partition->into.items[partition->members.items[place]];
    while (place < middle && partition->into.items[partition->members.items[place]] == set)
        place++;
    return place;
}

/* The first place of the largest part. */
static uint32_t largest_part(const struct partition *partition, uint32_t first, uint32_t middle, uint32_t end)
{
    uint32_t largest = first, size = 0;

    for (uint32_t place = first, next; place < end; place = next) {
        next = part_end(partition, place, middle, end);
        if (next - place > size) {
            size = next - place;
            largest = place;
        }
    }
    return largest;
}

/* Divides a block whose touched members come first. */
static int divide(struct partition *partition, uint32_t block)
{
    uint32_t first = partition->first.items[block], end = partition->end.items[block];
    uint32_t middle = first + partition->touched.items[block], largest, stop = part_end(partition, first, middle, end);

    partition->touched.items[block] = 0;
    if (stop == end)
        return 1;
    if (stop != middle && !sort_touched(partition, first, middle - first))
        return 0;
    largest = largest_part(partition, first, middle, end);
    for (uint32_t place = first, next; place < end; place = next) {
        uint32_t fresh = (uint32_t)partition->first.count;

        next = part_end(partition, place, middle, end);
        if (place == largest) {
            partition->first.items[block] = place;
            partition->end.items[block] = next;
            continue;
        }
        for (uint32_t index = place; index < next; index++)
            partition->block_of.items[partition->members.items[index]] = fresh;
        if (!add_block(partition, place, next) || !wait_for(partition, fresh))
            return 0;
    }
    return 1;
}

/* Divides every block by what leads into `splitter`. */
static int split(struct partition *partition, uint32_t splitter)
{
    uint64_t members = partition->end.items[splitter] - partition->first.items[splitter];
    int done = 1;

    partition->states.count = partition->blocks.count = 0;
    partition->is_waiting.items[splitter] = 0;
    /* Touching moves members about, the splitter's own among them: they are read before anything is touched. */
    for (uint64_t index = 0; done && index < members; index++)
        done = numbers_push(partition->memory, &partition->states, partition->members.items[partition->first.items[splitter] + index]);
    for (uint64_t index = 0; done && index < members; index++) {
        uint32_t state = partition->states.items[index];

        for (uint64_t edge = partition->incoming.firsts.items[state]; done && edge < partition->incoming.firsts.items[state + 1]; edge++)
            done = touch(partition, partition->incoming.edges.items[2 * edge], partition->incoming.edges.items[2 * edge + 1]);
    }
    for (uint64_t index = 0; done && index < partition->blocks.count; index++)
        done = divide(partition, partition->blocks.items[index]);
    for (uint64_t index = members; done && index < partition->states.count; index++)
        partition->into.items[partition->states.items[index]] = 0;
    return done;
}

static void release(struct partition *partition)
{
    struct numbers *arrays[] = {&partition->members, &partition->place_of, &partition->first,  &partition->end,    &partition->touched,
                                &partition->waiting, &partition->into,     &partition->states, &partition->blocks, &partition->is_waiting};

    for (uint64_t index = 0; index < sizeof arrays / sizeof *arrays; index++)
        numbers_release(partition->memory, arrays[index]);
    memory_release(partition->memory, partition->sorting, partition->sorting_room, sizeof *partition->sorting);
    release_incoming(partition->memory, &partition->incoming);
    release_class_sets(partition->memory, &partition->sets);
}

/* The machine's sets, under their own numbers. */
static int copy_sets(struct partition *partition, const struct machine *machine)
{
    uint32_t number;
    int done = begin_class_sets(partition->memory, &partition->sets);

    for (uint32_t set = 0; done && set < machine->sets.count / AUTOMATA_SET_WORDS; set++)
        done = set_number(partition->memory, &partition->sets, set_of(&machine->sets, set), &number);
    if (done && partition->sets.items.count != machine->sets.count)
        partition->memory->status = AUTOMATA_MALFORMED;
    return done && partition->sets.items.count == machine->sets.count;
}

/* The blocks of equal states: `block_of` and one member of each block. */
static int refine(struct memory *memory, const struct machine *machine, const uint32_t *meanings, uint64_t largest, struct numbers *block_of,
                  struct numbers *member_of)
{
    struct partition partition = {.memory = memory};
    int done = copy_sets(&partition, machine) && find_incoming(memory, machine, &partition.incoming) &&
               find_hopeful(memory, machine, &partition.incoming, meanings, &partition.block_of) && begin(&partition, machine, meanings, largest);

    while (done && partition.waiting.count)
        done = split(&partition, partition.waiting.items[--partition.waiting.count]);
    done = done && numbers_zeros(memory, member_of, partition.first.count);
    for (uint64_t block = 1; done && block < partition.first.count; block++)
        member_of->items[block] = partition.members.items[partition.first.items[block]];
    release(&partition);
    *block_of = partition.block_of;
    return done;
}

int automata_minimize(const struct machine *in, const uint32_t *meanings, uint64_t count, uint64_t limit_bytes, struct machine *out,
                      struct numbers *kept, unsigned char *classes)
{
    struct memory memory = {.limit = limit_bytes};
    struct numbers block_of = {0}, member_of = {0}, occurring = {0};
    struct machine made = {0};
    uint64_t largest = 0;
    int done;

    if (!is_sound(in, count) || meanings[0] != 0)
        return AUTOMATA_MALFORMED;
    for (uint64_t label = 0; label < count; label++)
        largest = meanings[label] > largest ? meanings[label] : largest;
    done = refine(&memory, in, meanings, largest, &block_of, &member_of) &&
           quotient(&memory, in, meanings, block_of.items, member_of.items, member_of.count, &made, &occurring);
    numbers_release(&memory, &block_of);
    numbers_release(&memory, &member_of);
    if (done && merge_columns(&made, classes)) {
        *out = made;
        *kept = occurring;
        return AUTOMATA_DONE;
    }
    if (done)
        memory.status = AUTOMATA_MALFORMED;
    release_machine(&memory, &made);
    numbers_release(&memory, &occurring);
    return memory.status;
}
