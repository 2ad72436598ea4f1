"""Verifier logs, as kernels wrote them (6.18 where not said), addresses changed."""

from __future__ import annotations

UNCHECKED = """\
0: R1=ctx() R10=fp0
; u32 key = skb->mark; @ refused.c:13
0: (61) r1 = *(u32 *)(r1 +8)          ; R1=scalar(smin=0,smax=umax=0xffffffff,var_off=(0x0; 0xffffffff))
1: (63) *(u32 *)(r10 -4) = r1         ; R1=scalar(smin=0,smax=umax=0xffffffff,var_off=(0x0; 0xffffffff)) R10=fp0 fp-8=mmmm????
2: (bf) r2 = r10                      ; R2=fp0 R10=fp0
;  @ refused.c:0
3: (07) r2 += -4                      ; R2=fp-4
; u64 *value = bpf_map_lookup_elem(&table, &key); @ refused.c:14
4: (18) r1 = 0xffff888100000000       ; R1=map_ptr(map=table,ks=4,vs=8)
6: (85) call bpf_map_lookup_elem#1    ; R0=map_value_or_null(id=1,map=table,ks=4,vs=8)
; return *value; @ refused.c:16
7: (79) r0 = *(u64 *)(r0 +0)
R0 invalid mem access 'map_value_or_null'
processed 7 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
"""
WITHOUT_LINES = """\
0: R1=ctx() R10=fp0
0: (95) exit
R0 !read_ok
processed 1 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
"""
IN_A_POLICY = """\
func#0 @0
0: R1=ctx() R10=fp0
; allow GET "/flights @ 9:30" @ policies/my flights.yaml:23
0: (b7) r0 = 0                        ; R0=0
;  @ policies/my flights.yaml:0
1: (05) goto pc-2
infinite loop detected at insn 1
verification time 12 usec
stack depth 0
processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
"""
# level 1: what was tried after instruction 5 was taken back, and the rest of the path stands in its line
TAKEN_UP_AGAIN = """\
0: R1=ctx() R10=fp0
; mark = packet.mark @ shop.py:3
0: (61) r6 = *(u32 *)(r1 +8)          ; R1=ctx() R6=scalar(smin=0,smax=umax=0xffffffff,var_off=(0x0; 0xffffffff))
1: (61) r7 = *(u32 *)(r1 +76)         ; R1=ctx() R7=pkt(r=0)
2: (61) r8 = *(u32 *)(r1 +80)         ; R1=ctx() R8=pkt_end()
; if mark == 0: @ shop.py:4
3: (15) if r6 == 0x0 goto pc+7        ; R6=scalar(smin=umin=umin32=1,smax=umax=0xffffffff,var_off=(0x0; 0xffffffff))
4: (85) call bpf_get_prandom_u32#7    ; R0=scalar()
; if chance == 1: @ shop.py:6
5: (15) if r0 == 0x1 goto pc+2 8: R0=1 R6=scalar(smin=umin=umin32=1,smax=umax=0xffffffff) R7=pkt(r=0) R8=pkt_end() R10=fp0
; ethernet = packet.header(Ethernet, 0) @ shop.py:8
8: (bf) r0 = r7                       ; R0=pkt(r=0) R7=pkt(r=0)
9: (07) r0 += 14                      ; R0=pkt(off=14,r=0)
10: (2d) if r0 > r8 goto pc+1         ; R0=pkt(off=14,r=14) R8=pkt_end()
; return ip.protocol @ shop.py:9
11: (71) r0 = *(u8 *)(r7 +20)
invalid access to packet, off=20 size=1, R7(id=0,off=20,r=14)
R7 offset is outside of the packet
processed 14 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 0
"""
# level 2: every path, and those that passed
EVERY_PATH = """\
func#0 @0
Live regs before insn:
      0: .1........ (61) r6 = *(u32 *)(r1 +8)
0: R1=ctx() R10=fp0
; if packet.mark: @ shop.py:4
0: (61) r6 = *(u32 *)(r1 +8)          ; R1=ctx() R6=scalar(smin=0,smax=umax=0xffffffff)
1: (15) if r6 == 0x0 goto pc+2        ; R6=scalar(umin=1)
; return 1 @ shop.py:5
2: (b7) r0 = 1                        ; R0=1
3: (95) exit
mark_precise: frame0: last_idx 3 first_idx 0 subseq_idx -1

from 1 to 4: R1=ctx() R6=0 R10=fp0
4: R1=ctx() R6=0 R10=fp0
; return count @ shop.py:7
4: (bf) r0 = r7
R7 !read_ok
processed 5 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
"""
# as 5.10 writes: `inv` for numbers, no file and line behind a comment
OLD = """\
; int index = packet->mark;
0: (61) r1 = *(u32 *)(r1 +8)
 R1_w=ctx(id=0,off=0,imm=0) R10=fp0
1: R1_w=inv(id=0,umax_value=4294967295,var_off=(0x0; 0xffffffff)) R10=fp0
; return *(int *)index;
1: (61) r0 = *(u32 *)(r1 +0)
R1 invalid mem access 'inv'
processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
"""
IN_A_FUNCTION = """\
0: R1=ctx() R10=fp0
; return inner() @ shop.py:3
0: (85) call pc+1
caller:
 R10=fp0
callee:
 frame1: R1=ctx() R10=fp0
2: frame1: R1=ctx() R10=fp0
; return Box() @ shop.py:7
2: (bf) r0 = r10                      ; frame1: R0=fp0 R10=fp0
3: (95) exit
cannot return stack pointer to the caller
processed 3 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
"""


def lines(log: str) -> tuple[str, ...]:
    """The lines of a log, as the error keeps them."""
    return tuple(log.splitlines())
