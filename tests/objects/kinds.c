/* Maps of several kinds, global variables of every section, two programs in one section, static and global subprograms. */
#include "bpf.h"

struct flow {
    u32 address;
    u16 port;
    u16 protocol;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16);
    __type(key, struct flow);
    __type(value, u64);
} flows SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 2);
    __type(key, u32);
    __type(value, u64);
} counters SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(max_entries, 8);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(key_size, 8);
    __uint(value_size, 4);
} prefixes SEC(".maps");

const volatile u32 limit = 1000;
const char greeting[] = "hello";
u64 seen;
u32 step = 3;
static u64 total;
u32 custom SEC(".data.custom") = 7;

static __attribute__((noinline)) u64 scaled(u64 value)
{
    return value * step + custom;
}

__attribute__((noinline)) int account(u32 length)
{
    total += scaled(length);
    return total > limit;
}

SEC("tc") int count(struct __sk_buff *skb)
{
    struct flow flow = {.address = 1, .port = 80, .protocol = 6};
    u32 index = 0;
    u64 *counter = bpf_map_lookup_elem(&counters, &index), *bytes = bpf_map_lookup_elem(&flows, &flow), one = 1;

    if (counter)
        *counter += 1;
    if (bytes)
        __sync_fetch_and_add(bytes, skb->len);
    else
        bpf_map_update_elem(&flows, &flow, &one, 0);
    __sync_fetch_and_add(&seen, 1);
    return account(skb->len);
}

SEC("tc") int greet(struct __sk_buff *skb)
{
    return greeting[skb->mark & 3] + scaled(0);
}

char _license[] SEC("license") = "GPL";
