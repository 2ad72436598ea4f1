/* Records of three lengths in a ring buffer; every fourth is discarded. */
#include "bpf.h"

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096);
} events SEC(".maps");

u32 number;

SEC("tc") int report(struct __sk_buff *skb)
{
    u32 *record;

    number++;
    record = bpf_ringbuf_reserve(&events, 12, 0);
    if (!record)
        return 1;
    record[0] = number;
    record[1] = skb->len;
    record[2] = skb->mark;
    if (number % 4 == 0)
        bpf_ringbuf_discard(record, 0);
    else
        bpf_ringbuf_submit(record, 0);
    return 0;
}

char _license[] SEC("license") = "GPL";
