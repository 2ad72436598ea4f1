"""Declarations in BTF -> map specs."""

from __future__ import annotations

import pytest

from pybpf.btf import Btf, Kind
from pybpf.errors import ObjectError
from pybpf.kinds import MapType
from pybpf.mapdefs import declared
from tests.support.btf_types import Types


class Maps(Types):
    """Types with a map declaration among them."""

    def map(self, **members: int) -> dict[str, object]:
        """What `declared` makes of a map `m` with these members (name -> type id)."""
        entries = tuple((self.text(name), number, 64 * index) for index, (name, number) in enumerate(members.items()))
        variable = self.add(Kind.VAR, "m", self.add(Kind.STRUCT, "", 8 * len(entries), entries), ((1,),))
        self.add(Kind.DATASEC, ".maps", 0, ((variable, 0, 8 * len(entries)),))
        spec = declared(self.btf(), {0: "m"})["m"]
        return {name: getattr(spec, name) for name in spec.__dataclass_fields__}


def test_sizes_may_be_said_as_numbers_or_as_types() -> None:
    types = Maps()
    byte = types.add(Kind.INT, "u8", 1, ((8,),))
    key = types.add(Kind.PTR, size_or_type=types.add(Kind.ARRAY, entries=((byte, byte, 6),)))
    spec = types.map(type=types.number(1), key=key, key_size=types.number(6), value_size=types.number(3), max_entries=types.number(9))
    assert (spec["type"], spec["key_size"], spec["value_size"], spec["max_entries"]) == (MapType.HASH, 6, 3, 9)


def test_a_large_number_may_come_as_an_enum() -> None:
    types = Maps()
    extra = types.add(Kind.ENUM64, "", 8, ((types.text("x"), 1, 2),))
    assert types.map(type=types.number(1), map_extra=extra)["extra"] == 1 | 2 << 32


def test_pinning_by_name_is_noted() -> None:
    types = Maps()
    assert types.map(type=types.number(1), pinning=types.number(1))["pinned"] is True


@pytest.mark.parametrize(
    ("member", "value"), [("numa_node", 0), ("typ", 1), ("pinning", 2), ("type", 99), ("type", 0), ("type", 12)]
)
def test_what_is_not_understood_is_refused_by_name(member: str, value: int) -> None:
    types = Maps()
    members = {"type": types.number(1), member: types.number(value)}
    with pytest.raises(ObjectError) as caught:
        types.map(**members)
    assert caught.value.place.startswith("map 'm'")


def test_two_sizes_of_one_key_are_refused() -> None:
    types = Maps()
    key = types.add(Kind.PTR, size_or_type=types.add(Kind.INT, "int", 4, ((32,),)))
    with pytest.raises(ObjectError):
        types.map(type=types.number(1), key=key, key_size=types.number(8))


def test_a_map_without_a_declaration_is_refused() -> None:
    with pytest.raises(ObjectError) as caught:
        declared(Btf((None,), b"\0"), {0: "m"})
    assert "-g" in caught.value.hint
