/* A field that no kernel has is read, and nothing keeps the read from being reached. */
#include "bpf.h"

struct task_struct {
    struct {
        int nowhere;
    } deep;
} __attribute__((preserve_access_index));

static struct task_struct *(*bpf_get_current_task_btf)(void) = (void *)158;

SEC("tc") int unguarded(struct __sk_buff *skb)
{
    return skb->mark ? bpf_get_current_task_btf()->deep.nowhere : 0;
}

char _license[] SEC("license") = "GPL";
