/* A call of a function that no kernel has, which nothing keeps from being reached. */
#include "bpf.h"

extern int bpf_pybpf_is_nowhere(int number) __attribute__((section(".ksyms"), weak));

SEC("tc") int unguarded(struct __sk_buff *skb)
{
    return bpf_pybpf_is_nowhere(skb->mark);
}

char _license[] SEC("license") = "GPL";
