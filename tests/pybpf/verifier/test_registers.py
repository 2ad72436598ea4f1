"""Register states, read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pybpf.verifier.registers import integer, register, texts


def test_a_state_is_split_at_its_names() -> None:
    state = "R1_w=scalar(umax=255,var_off=(0x0; 0xff)) R10=fp0 fp-8=mmmm???? refs=2"
    assert texts(state) == {"R1": "scalar(umax=255,var_off=(0x0; 0xff))", "R10": "fp0", "fp-8": "mmmm???? refs=2"}


def test_facts_with_one_value_have_it_under_each_name() -> None:
    found = register("scalar(smin=umin=umin32=1,smax=umax=0xff,var_off=(0x0; 0xff))")
    assert (found.kind, found.number("smin"), found.number("umin"), found.number("umax")) == ("scalar", 1, 1, 255)
    assert found.facts["var_off"] == "(0x0; 0xff)"


def test_constants_and_stack_addresses_are_facts_too() -> None:
    assert register("-4").number("value") == -4
    assert register("P0x10").number("value") == 16
    assert register("fp-8").facts == {"off": "-8"}


def test_old_names_are_new_ones() -> None:
    found = register("inv(id=0,umax_value=255,var_off=(0x0; 0xff))")
    assert (found.kind, found.number("umax")) == ("scalar", 255)
    assert register("inv5").number("value") == 5


def test_what_follows_the_last_register_is_not_its() -> None:
    assert register("ringbuf_mem(ref_obj_id=2,sz=8) refs=2").text == "ringbuf_mem(ref_obj_id=2,sz=8)"


def test_a_number_that_is_none_is_not_known() -> None:
    assert integer("unknown") is None and register("scalar(umax=many)").number("umax") is None


@given(st.text())
def test_any_text_is_a_state(text: str) -> None:
    for each in texts(text).values():
        register(each)
    register(text)
