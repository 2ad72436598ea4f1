"""Objects are compiled once, and what is kept of them is believed only where nobody else can have written it."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from pybpf import elf, kept_objects
from pybpf.compiler.building import build, rule_set_module, shape_module
from pybpf.kept_objects import Wanted, elf_objects
from pybpf.variables import with_values
from tests.support.http_oracle import Rule
from tests.support.rules import tables_of

ONE: list[Rule] = [("GET", "/flights")]
TABLES = tables_of(ONE)
WANTED = Wanted(f"rule set {TABLES.shape}", partial(shape_module, TABLES.shape))


def unwanted() -> object:
    raise AssertionError("this should have been kept")


KEPT = Wanted(WANTED.specialisation, unwanted)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_an_object_is_compiled_once(folder: Path) -> None:
    first = elf_objects([WANTED, WANTED], folder)
    assert first[0] == first[1] == build(shape_module(TABLES.shape)).elf
    assert elf_objects([KEPT], folder) == first[:1]


def test_rule_sets_of_one_shape_share_an_object_and_differ_in_their_tables() -> None:
    other = tables_of([("PUT", "/planes")])
    assert other.shape == TABLES.shape and other.arrays != TABLES.arrays
    empty = elf.parse(build(shape_module(TABLES.shape)).elf)
    for tables in (TABLES, other):
        whole = elf.parse(build(rule_set_module(tables)).elf)
        filled = with_values(empty, tables.arrays)
        assert filled.maps[".data.tables"].contents == whole.maps[".data.tables"].contents
        assert filled.programs["judge_http"].instructions == whole.programs["judge_http"].instructions


def damage(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def open_to_all(path: Path) -> None:
    path.chmod(0o666)


def given_away(path: Path) -> None:
    os.chown(path, 1, 1)


def behind_a_link(path: Path) -> None:
    path.rename(path.with_suffix(".there"))
    path.symlink_to(path.with_suffix(".there"))


def in_an_open_folder(path: Path) -> None:
    path.parent.chmod(0o777)


@pytest.mark.parametrize("spoil", [damage, open_to_all, given_away, behind_a_link, in_an_open_folder])
def test_what_others_may_have_written_is_not_believed(folder: Path, spoil: Callable[[Path], None]) -> None:
    if os.geteuid() != 0 and spoil is given_away:
        pytest.skip("missing: root (run as root)")
    elf_objects([WANTED], folder)
    (kept,) = folder.iterdir()
    spoil(kept)
    with pytest.raises(AssertionError, match="should have been kept"):
        elf_objects([KEPT], folder)


def test_another_specialisation_and_other_sources_find_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elf_objects([WANTED], folder)
    with pytest.raises(AssertionError, match="should have been kept"):
        elf_objects([Wanted("datapath", unwanted)], folder)  # type: ignore[arg-type]
    monkeypatch.setattr(kept_objects, "_sources", lambda: b"others")
    with pytest.raises(AssertionError, match="should have been kept"):
        elf_objects([KEPT], folder)


def test_where_nothing_can_be_kept_objects_are_compiled_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert elf_objects([WANTED], tmp_path / "file") == elf_objects([WANTED], tmp_path / "file" / "below")


def test_the_objects_unused_for_longest_go_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_objects, "MOST_KEPT", 2)
    others = [Wanted(f"another {number}", WANTED.module) for number in range(2)]
    elf_objects([WANTED], folder)
    elf_objects(others[:1], folder)
    elf_objects([KEPT], folder)
    elf_objects(others[1:], folder)
    assert len(list(folder.iterdir())) == 2
    assert elf_objects([KEPT], folder)
