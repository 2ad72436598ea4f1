"""Rule sets -> their programs in the kernel, each in its slot. A program stands ready before any decision names its slot."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial

from pybpf import elf, loading
from pybpf.compiler import build_all, rule_set_module
from pybpf.compiler.lower import Origin, RuleSet, http_tables
from pybpf.enforce import contents
from pybpf.loading import Loaded


class RulePrograms:
    """The programs that are loaded, by rule set. Borrows the datapath, whose maps they share; owns the programs."""

    def __init__(self, datapath: Loaded) -> None:
        self._datapath = datapath
        self._loaded: dict[RuleSet, tuple[int, Loaded]] = {}

    def prepare(self, slots: Mapping[RuleSet, int], rules: Mapping[Origin, int]) -> None:
        """Compile and load the programs that are missing, side by side, and put each in its slot."""
        missing = [each for each in slots if each not in self._loaded]
        tables = [http_tables(each.rules, [rules[origin] for origin in each.origins]) for each in missing]
        for rule_set, built in zip(missing, build_all([partial(rule_set_module, each) for each in tables]), strict=True):
            spec = elf.parse(built.elf)
            maps = {name: self._datapath.maps[name] for name in spec.maps if name in self._datapath.maps}
            loaded = loading.load(spec, maps=maps)
            self._loaded[rule_set] = (slots[rule_set], loaded)
            self._datapath.maps["rule_sets"].update(contents.number(slots[rule_set]), loaded.programs["judge_http"])

    def keep(self, used: Collection[RuleSet]) -> None:
        """Unload the programs of all other rule sets; nothing may refer to their slots any more."""
        for rule_set in [each for each in self._loaded if each not in used]:
            slot, loaded = self._loaded.pop(rule_set)
            self._datapath.maps["rule_sets"].delete(contents.number(slot))
            loaded.close()

    def close(self) -> None:
        """Let go of all programs. Closing twice does nothing."""
        for _, loaded in self._loaded.values():
            loaded.close()
        self._loaded.clear()
