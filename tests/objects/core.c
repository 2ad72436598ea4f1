/* Facts about the kernel's types, each returned for its number in skb->mark, and fields read where this kernel has them.
 * The structs are declared in another order and with other members than any kernel's. */
#include "bpf.h"
#include "core.h"

#define __relocated __attribute__((preserve_access_index))

enum pid_type { PIDTYPE_NOWHERE = 40, PIDTYPE_PGID = 41 };
enum pid_type___other { PIDTYPE_SID___other = 9 };

struct list_head {
    struct list_head *prev, *next;
} __relocated;

struct task_struct {
    char comm[2];
    int tgid;
    int nowhere;
    s32 pid;
    struct list_head tasks;
    struct task_struct *group_leader;
} __relocated;

struct task_struct___wider {
    u64 start_time;
    long tgid;
    u16 flags;
} __relocated;

struct sk_buff {
    u8 before;
    u8 pkt_type : 2;
    u8 cloned : 4;
    unsigned int len;
} __relocated;

struct pybpf_nowhere {
    int field;
} __relocated;

#define TASK ((struct task_struct *)0)
#define WIDER ((struct task_struct___wider *)0)
#define SKB ((struct sk_buff *)0)

static struct task_struct *(*bpf_get_current_task_btf)(void) = (void *)158;

SEC("tc") int fact(struct __sk_buff *skb)
{
    switch (skb->mark) {
    case 0: return core_offset(TASK->pid);
    case 1: return core_offset(TASK->comm[1]);
    case 2: return core_size(TASK->comm);
    case 3: return core_offset(TASK->tasks.next);
    case 4: return core_exists(TASK->pid);
    case 5: return core_exists(TASK->nowhere);
    case 6: return core_signed(TASK->pid);
    case 7: return core_signed(SKB->len);
    case 8: return core_offset(SKB->pkt_type);
    case 9: return core_size(SKB->pkt_type);
    case 10: return core_left_shift(SKB->pkt_type);
    case 11: return core_right_shift(SKB->pkt_type);
    case 12: return core_left_shift(SKB->cloned);
    case 13: return core_type_exists(struct task_struct);
    case 14: return core_type_exists(struct pybpf_nowhere);
    case 15: return core_type_size(struct task_struct);
    case 16: return core_type_size(struct pybpf_nowhere);
    case 17: return core_type_kernel(struct task_struct___wider);
    case 18: return core_type_local(struct sk_buff) > 0;
    case 19: return core_value_exists(enum pid_type, PIDTYPE_PGID);
    case 20: return core_value_exists(enum pid_type, PIDTYPE_NOWHERE);
    case 21: return core_value(enum pid_type, PIDTYPE_PGID);
    case 22: return core_value(enum pid_type___other, PIDTYPE_SID___other);
    case 23: return core_size(WIDER->flags);
    case 24: return core_exists(WIDER->tgid);
    }
    return -1;
}

/* A u16 load of a field that is wider in the kernel becomes a u32 load. */
SEC("tc") int flags(struct __sk_buff *skb)
{
    return ((struct task_struct___wider *)bpf_get_current_task_btf())->flags;
}

SEC("tc") int tgid(struct __sk_buff *skb)
{
    return bpf_get_current_task_btf()->group_leader->tgid;
}

SEC("tc") int guarded(struct __sk_buff *skb)
{
    struct task_struct *task = bpf_get_current_task_btf();

    if (core_exists(task->nowhere))
        return task->nowhere;
    return 55;
}

char _license[] SEC("license") = "GPL";
