"""The names of the language at its front door are those of its rooms."""

from __future__ import annotations

import pybpf.lang
from pybpf.compiler import lang
from pybpf.compiler.lang import contexts, helpers, maps


def test_the_front_door_has_every_name_of_the_rooms_behind() -> None:
    for room in (contexts, helpers, maps):
        assert set(room.__all__) <= set(lang.__all__), room.__name__
    assert pybpf.lang.__all__ == lang.__all__
    assert [name for name in lang.__all__ if not hasattr(pybpf.lang, name)] == []
