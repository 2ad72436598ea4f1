/* The smallest object with a map: what damage is tried on. */
#include "bpf.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, u32);
} cell SEC(".maps");

static __attribute__((noinline)) u32 read_cell(u32 key)
{
    u32 *value = bpf_map_lookup_elem(&cell, &key);

    return value ? *value : 0;
}

SEC("tc") int small(struct __sk_buff *skb)
{
    return read_cell(0);
}

char _license[] SEC("license") = "GPL";
