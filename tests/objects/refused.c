/* A program the verifier refuses: the result of a hash lookup is used without a check. */
#include "bpf.h"

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16);
    __type(key, u32);
    __type(value, u64);
} table SEC(".maps");

SEC("tc") int careless(struct __sk_buff *skb)
{
    u32 key = skb->mark;
    u64 *value = bpf_map_lookup_elem(&table, &key);

    return *value;
}

char _license[] SEC("license") = "GPL";
