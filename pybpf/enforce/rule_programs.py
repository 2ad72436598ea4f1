"""Rule sets -> their programs in the kernel, each in its slot. A program stands ready before any decision names its slot."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from pybpf.compiler.lower import Origin, RuleSet
from pybpf.enforce import contents
from pybpf.maps import Map

if TYPE_CHECKING:
    from pybpf.compiler.ir.nodes import Module
    from pybpf.compiler.lower.http_tables import Shape


class RulePrograms:
    """The slots that hold a program, by rule set. Borrows the datapath's maps, which the programs share; `rule_sets` holds the programs."""

    def __init__(self, maps: Mapping[str, Map], present: Mapping[RuleSet, int]) -> None:
        self._maps = maps
        self._slots = dict(present)

    def prepare(self, slots: Mapping[RuleSet, int], rules: Mapping[Origin, int]) -> None:
        """Compile and load the programs that are missing, side by side, and put each in its slot."""
        missing = [each for each in slots if each not in self._slots]
        if missing:
            self._prepare(missing, slots, rules)

    def _prepare(self, missing: Sequence[RuleSet], slots: Mapping[RuleSet, int], rules: Mapping[Origin, int]) -> None:
        from pybpf import (  # none of this where all programs are there: it takes longer than the change itself
            elf,
            loading,
        )
        from pybpf.compiler.lower.http_tables import rule_set_tables
        from pybpf.kept_objects import Wanted, elf_objects
        from pybpf.variables import with_values

        tables = [rule_set_tables(each, rules) for each in missing]
        wanted = [Wanted(f"rule set {each.shape}", partial(_module, each.shape)) for each in tables]
        for rule_set, each, octets in zip(missing, tables, elf_objects(wanted), strict=True):
            spec = with_values(elf.parse(octets), each.arrays)
            shared = {name: self._maps[name] for name in spec.maps if name in self._maps}
            with loading.load(spec, maps=shared) as loaded:
                self._maps["rule_sets"].update(contents.number(slots[rule_set]), loaded.programs["judge_http"])
            self._slots[rule_set] = slots[rule_set]

    def keep(self, used: Collection[RuleSet]) -> None:
        """Empty the slots of all other rule sets; nothing may refer to them any more."""
        for rule_set in [each for each in self._slots if each not in used]:
            self._maps["rule_sets"].delete(contents.number(self._slots.pop(rule_set)))


def _module(shape: Shape) -> Module:
    from pybpf.compiler.building import shape_module  # where it is kept, nothing of the compiler is needed

    return shape_module(shape)
