/* Values that hold a spin lock or a timer, which the kernel finds by the map's BTF; global functions with pointers to structs. */
#include "bpf.h"

struct bpf_spin_lock {
    u32 val;
};
struct bpf_timer {
    u64 __opaque[2];
} __attribute__((aligned(8)));

struct guarded {
    struct bpf_spin_lock lock;
    u32 count;
};
struct alarm {
    u64 rung;
    struct bpf_timer timer;
};
struct pair {
    u32 left, right;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 4);
    __type(key, u32);
    __type(value, struct guarded);
} counts SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, struct alarm);
} alarms SEC(".maps");

static long (*bpf_spin_lock)(struct bpf_spin_lock *lock) = (void *)93;
static long (*bpf_spin_unlock)(struct bpf_spin_lock *lock) = (void *)94;
static long (*bpf_timer_init)(struct bpf_timer *timer, void *map, u64 flags) = (void *)169;
static long (*bpf_timer_set_callback)(struct bpf_timer *timer, void *callback) = (void *)170;
static long (*bpf_timer_start)(struct bpf_timer *timer, u64 nanoseconds, u64 flags) = (void *)171;

SEC("tc") int add(struct __sk_buff *skb)
{
    u32 key = 0, count;
    struct guarded *value = bpf_map_lookup_elem(&counts, &key);

    if (!value)
        return -1;
    bpf_spin_lock(&value->lock);
    count = ++value->count;
    bpf_spin_unlock(&value->lock);
    return count;
}

static int ring(void *map, u32 *key, struct alarm *alarm)
{
    alarm->rung++;
    return 0;
}

SEC("tc") int arm(struct __sk_buff *skb)
{
    u32 key = 0;
    struct alarm *alarm = bpf_map_lookup_elem(&alarms, &key);

    if (!alarm)
        return -1;
    bpf_timer_init(&alarm->timer, &alarms, 1);
    bpf_timer_set_callback(&alarm->timer, ring);
    return bpf_timer_start(&alarm->timer, 1000, 0);
}

/* Verified apart from its callers: a pointer to a struct may be none. */
__attribute__((noinline)) int swapped(struct pair *pair)
{
    u32 left;

    if (!pair)
        return -1;
    left = pair->left;
    pair->left = pair->right;
    pair->right = left;
    return 0;
}

__attribute__((noinline)) int difference(struct __sk_buff *skb, u32 more)
{
    struct pair pair = {skb->mark, skb->mark + more};

    swapped(&pair);
    return pair.left - pair.right;
}

SEC("tc") int globals(struct __sk_buff *skb)
{
    return difference(skb, 7) + difference(skb, 5);
}

char _license[] SEC("license") = "GPL";
