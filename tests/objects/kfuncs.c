/* Functions of the kernel: an open-coded iterator, one that no kernel has (weak), and the address of a per-CPU variable. */
#include "bpf.h"

#define __ksym __attribute__((section(".ksyms")))
#define __weak __attribute__((weak))

struct bpf_iter_num {
    u64 __opaque[1];
} __attribute__((aligned(8)));
struct rq;

extern int bpf_iter_num_new(struct bpf_iter_num *, int start, int end) __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym;
extern int bpf_pybpf_is_nowhere(int number) __ksym __weak;

/* The language's own shape of a loop: the iterator is made, asked until it has no more, and destroyed. */
static __attribute__((noinline)) u64 below(u32 end)
{
    struct bpf_iter_num numbers;
    u64 sum = 0;
    int *number;

    bpf_iter_num_new(&numbers, 0, end);
    while ((number = bpf_iter_num_next(&numbers)))
        sum += *number;
    bpf_iter_num_destroy(&numbers);
    return sum;
}

SEC("tc") int sum(struct __sk_buff *skb)
{
    return below(skb->mark);
}

SEC("tc") int guarded(struct __sk_buff *skb)
{
    if (bpf_pybpf_is_nowhere)
        return bpf_pybpf_is_nowhere(1);
    return 77;
}

char _license[] SEC("license") = "GPL";
