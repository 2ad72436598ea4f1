"""Verifier logs, as kernels wrote them (6.18 where not said), addresses changed."""

from __future__ import annotations

import errno

from hypothesis import given
from hypothesis import strategies as st

from pybpf.verifier import VerifierError, find

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


def lines(log: str) -> tuple[str, ...]:
    return tuple(log.splitlines())


def test_the_cause_is_the_last_line_that_is_not_state() -> None:
    assert find(lines(UNCHECKED)).cause == "R0 invalid mem access 'map_value_or_null'"
    assert find(lines(WITHOUT_LINES)).cause == "R0 !read_ok"


def test_the_last_comment_names_the_source_line() -> None:
    finding = find(lines(UNCHECKED))
    assert (finding.place, finding.source) == (("refused.c", 16), "return *value;")


def test_line_zero_is_the_compilers_own_and_is_passed_over() -> None:
    finding = find(lines(IN_A_POLICY))
    assert finding.place == ("policies/my flights.yaml", 23)
    assert finding.source == 'allow GET "/flights @ 9:30"'
    assert finding.cause == "infinite loop detected at insn 1"


def test_without_line_info_there_is_no_place() -> None:
    assert find(lines(WITHOUT_LINES)).place is None


def test_a_known_cause_comes_with_advice() -> None:
    assert "check it before it is used" in find(lines(UNCHECKED)).advice
    assert find(lines(WITHOUT_LINES)).advice == ""


def test_the_error_shows_cause_place_and_how_much_it_leaves_out() -> None:
    error = VerifierError("careless", errno.EACCES, UNCHECKED)
    shown = str(error).splitlines()
    assert shown[0] == "program 'careless' was refused (EACCES): R0 invalid mem access 'map_value_or_null'"
    assert shown[1] == "  refused.c:16: return *value;"
    assert f"  ({len(error.log) - 3} lines omitted)" in shown
    assert error.place == ("refused.c", 16) and error.log == lines(UNCHECKED)


def test_an_empty_log_still_gives_an_error() -> None:
    error = VerifierError("silent", errno.EINVAL, "")
    assert error.place is None and "silent" in str(error)


@given(st.text())
def test_any_text_gives_a_finding(log: str) -> None:
    assert len(find(lines(log)).lines) <= 3
