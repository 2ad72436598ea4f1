/* A tail call through a prog array filled at load, an array of maps, and a callback whose address is taken. */
#include "bpf.h"

int second(struct __sk_buff *skb);

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 4);
    __uint(key_size, 4);
    __array(values, int(struct __sk_buff *));
} jumps SEC(".maps") = {.values = {[2] = (void *)&second}};

struct inner {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, u32);
} left SEC(".maps"), right SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, 2);
    __uint(key_size, 4);
    __array(values, struct inner);
} outer SEC(".maps") = {.values = {[0] = &left, [1] = &right}};

static long add(u32 index, u64 *sum)
{
    *sum += index;
    return 0;
}

SEC("tcx/ingress") int sum(struct __sk_buff *skb)
{
    u64 total = 0;

    bpf_loop(5, add, &total, 0);
    return total;
}

SEC("tc") int first(struct __sk_buff *skb)
{
    bpf_tail_call(skb, &jumps, skb->mark);
    return 1;
}

SEC("tc") int second(struct __sk_buff *skb)
{
    u32 key = skb->priority, zero = 0;
    u32 *value;
    void *map = bpf_map_lookup_elem(&outer, &key);

    if (!map)
        return 2;
    value = bpf_map_lookup_elem(map, &zero);
    return value ? 40 + *value : 3;
}

char _license[] SEC("license") = "GPL";
