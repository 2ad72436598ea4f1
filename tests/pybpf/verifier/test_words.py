"""Registers in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybpf.verifier.registers import register
from pybpf.verifier.words import bounds, describe

PHRASES = {
    "scalar()": "any 64-bit number: nothing is known of it",
    "scalar(smin=0,smax=umax=0xffffffff,var_off=(0x0; 0xffffffff))": "any 32-bit number, 0 to 4294967295",
    "scalar(smin=umin=umin32=1,smax=umax=smax32=umax32=16,var_off=(0x0; 0x1f))": "a number from 1 to 16",
    "scalar(smin=0,smax=umax=60,var_off=(0x0; 0x3c))": "a multiple of 4 from 0 to 60",
    "scalar(umin=6)": "a number from 6, of which no upper bound is known",
    "scalar(smin=-8,smax=8)": "a number from -8 to 8: it may be negative",
    "scalar(smax=3)": "a number from any negative one to 3: it may be negative",
    "5": "the number 5",
    "ctx()": "the context",
    "pkt(r=0)": "the packet; no byte is known to be there",
    "pkt(off=14,r=34)": "the packet + 14; 20 bytes are known to be there",
    "pkt(id=3,off=14,r=14,smin=0,smax=umax=60,var_off=(0x0; 0x3c))": "the packet + 14 + 0 to 60; no byte is known to be there",
    "pkt_end()": "the end of the packet",
    "fp0": "the end of the stack",
    "fp-8": "the stack at -8",
    "mmmm????": "8 bytes of stack, 4 of which were never set",
    "mmmmmmmm": "8 bytes of stack, all set",
    "map_ptr(map=table,ks=4,vs=8)": "the map 'table' itself, not a value of it",
    "map_value_or_null(id=1,map=table,ks=4,vs=8)": "a value of map 'table' (8 bytes), or None",
    "map_value(map=table,ks=4,vs=64,off=4,smin=0,smax=umax=255,var_off=(0x0; 0xff))": "a value of map 'table' (64 bytes) + 4 + 0 to 255",
    "map_value(map=table,ks=4,vs=64,var_off=(0x0; 0xffffffffffffffff))": "a value of map 'table' (64 bytes) + a number without bounds",
    "ringbuf_mem_or_null(id=2,ref_obj_id=2,sz=8)": "memory (8 bytes), or None",
    "sock_or_null(id=1)": "a socket, or None",
    "trusted_ptr_task_struct()": "a kernel struct task_struct that is valid",
    "iter_num(ref_id=1,state=active,depth=0)": "iter_num(ref_id=1,state=active,depth=0)",
}


@pytest.mark.parametrize(("text", "phrase"), PHRASES.items())
def test_a_register_in_words(text: str, phrase: str) -> None:
    assert describe(register(text)) == phrase


@given(st.text())
def test_any_register_has_words(text: str) -> None:
    describe(register(text))
    least, greatest = bounds(register(text))
    assert isinstance(least, int) and isinstance(greatest, int)
