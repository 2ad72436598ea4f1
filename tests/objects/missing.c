/* A call of a function that no kernel has and the program cannot do without. */
#include "bpf.h"

extern int bpf_pybpf_is_nowhere(int number) __attribute__((section(".ksyms")));

SEC("tc") int missing(struct __sk_buff *skb)
{
    return bpf_pybpf_is_nowhere(skb->mark);
}

char _license[] SEC("license") = "GPL";
