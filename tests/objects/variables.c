/* Global variables of every way to be a number, and of none; a constant that decides which code there is. */
#include "bpf.h"

typedef u32 __be32;
typedef _Bool bool;

const volatile u32 threshold = 10;
const volatile bool enabled = 0;
const volatile __be32 peer = 0;
const volatile u8 key[6] = {1, 2, 3, 4, 5, 6};

s64 lowest = -5;
u64 total;
u32 calls;
u16 odd[3];
struct {
    u32 first;
    u8 second;
} pair;
enum { IDLE, BUSY } state = BUSY;

SEC("tc") int count(struct __sk_buff *skb)
{
    calls++;
    total += skb->len;
    odd[1] = calls;
    pair.second = key[5];
    if ((s64)skb->len < -lowest)
        lowest = -(s64)skb->len;
    state = IDLE;
    return enabled && total > threshold && peer == 0x0100000a;
}

char _license[] SEC("license") = "GPL";
