/* A map of every kind that a network tool needs, and a program that uses those without keys. */
#include "bpf.h"

#define MAP(kind, name, k, v, n) \
    struct {                     \
        __uint(type, kind);      \
        __uint(max_entries, n);  \
        __type(key, k);          \
        __type(value, v);        \
    } name SEC(".maps")
#define KEYLESS(kind, name, v, n) \
    struct {                      \
        __uint(type, kind);       \
        __uint(max_entries, n);   \
        __type(value, v);         \
    } name SEC(".maps")
#define STORAGE(kind, name, v)                 \
    struct {                                   \
        __uint(type, kind);                    \
        __uint(map_flags, BPF_F_NO_PREALLOC); \
        __type(key, int);                      \
        __type(value, v);                      \
    } name SEC(".maps")

enum {
    PERF_EVENT_ARRAY = 4, PERCPU_HASH = 5, CGROUP_ARRAY = 8, LRU_HASH = 9, LRU_PERCPU_HASH = 10, HASH_OF_MAPS = 13, DEVMAP = 14,
    SOCKMAP = 15, CPUMAP = 16, XSKMAP = 17, SOCKHASH = 18, QUEUE = 22, STACK = 23, SK_STORAGE = 24, DEVMAP_HASH = 25,
    INODE_STORAGE = 28, TASK_STORAGE = 29, BLOOM_FILTER = 30, CGRP_STORAGE = 32,
};

MAP(BPF_MAP_TYPE_HASH, hash, u64, u64, 8);
MAP(BPF_MAP_TYPE_ARRAY, array, u32, u64, 8);
MAP(PERCPU_HASH, percpu_hash, u64, u64, 8);
MAP(BPF_MAP_TYPE_PERCPU_ARRAY, percpu_array, u32, u64, 8);
MAP(LRU_HASH, lru_hash, u64, u64, 8);
MAP(LRU_PERCPU_HASH, lru_percpu_hash, u64, u64, 8);
MAP(BPF_MAP_TYPE_PROG_ARRAY, prog_array, u32, u32, 8);
MAP(PERF_EVENT_ARRAY, perf_event_array, int, int, 0);
MAP(CGROUP_ARRAY, cgroup_array, u32, u32, 8);
MAP(DEVMAP, devmap, u32, u32, 8);
MAP(DEVMAP_HASH, devmap_hash, u32, u32, 8);
MAP(CPUMAP, cpumap, u32, u32, 1);
MAP(XSKMAP, xskmap, u32, u32, 8);
MAP(SOCKMAP, sockmap, u32, u64, 8);
MAP(SOCKHASH, sockhash, u64, u64, 8);
KEYLESS(QUEUE, queue, u64, 4);
KEYLESS(STACK, stack, u64, 4);
STORAGE(SK_STORAGE, sk_storage, u64);
STORAGE(INODE_STORAGE, inode_storage, u64);
STORAGE(TASK_STORAGE, task_storage, u64);
STORAGE(CGRP_STORAGE, cgrp_storage, u64);

struct {
    __uint(type, BLOOM_FILTER);
    __uint(max_entries, 64);
    __uint(map_extra, 3);
    __type(value, u64);
} bloom SEC(".maps");

struct prefix {
    u32 length, address;
};

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(max_entries, 8);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct prefix);
    __type(value, u32);
} trie SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096);
} ring SEC(".maps");

struct inner {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 4);
    __type(key, u32);
    __type(value, u64);
} one SEC(".maps");

struct {
    __uint(type, HASH_OF_MAPS);
    __uint(max_entries, 4);
    __type(key, u32);
    __array(values, struct inner);
} hash_of_maps SEC(".maps") = {.values = {[3] = &one}};

static long (*bpf_map_push_elem)(void *map, const void *value, u64 flags) = (void *)87;
static long (*bpf_map_pop_elem)(void *map, void *value) = (void *)88;
static long (*bpf_map_peek_elem)(void *map, void *value) = (void *)89;

/* Moves one value from the queue to the stack; returns whether the filter knows it. */
SEC("tc") int move(struct __sk_buff *skb)
{
    u64 value = 0;

    if (bpf_map_pop_elem(&queue, &value))
        return -1;
    bpf_map_push_elem(&stack, &value, 0);
    return !bpf_map_peek_elem(&bloom, &value);
}

SEC("tc") int inside(struct __sk_buff *skb)
{
    u32 key = skb->mark, first = 1;
    void *map = bpf_map_lookup_elem(&hash_of_maps, &key);
    u64 *value = map ? bpf_map_lookup_elem(map, &first) : (void *)0;

    return value ? *value : -1;
}

char _license[] SEC("license") = "GPL";
