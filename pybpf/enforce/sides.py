"""Lowered sides -> the maps that the kernel searches: peers, pages and decisions, each written once however many sides share it.

A side is written before anything refers to it, and taken away once nothing does any more. It is known by its key (compiler/lower/keys.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b

from pybpf.compiler.lower import Judgement, LoweredSide, Node, Origin, RuleSet, judgements, origins_of
from pybpf.enforce import contents
from pybpf.enforce.numbering import Numbering, Shared
from pybpf.kernel_progs import numbers
from pybpf.maps import Map


@dataclass(frozen=True, slots=True)
class WrittenSide:
    """A side in the kernel: its number, the identities that have entries of their own, and what it shares with others."""

    number: int
    identities: tuple[int, ...]
    pages: tuple[bytes, ...]
    decisions: tuple[bytes, ...]
    origins: tuple[Origin, ...]
    rule_sets: tuple[RuleSet, ...]


class RuleNumbers:
    """The numbers of rules and rule sets, which programs, counters and the log know too."""

    def __init__(self) -> None:
        self.rules: Numbering[Origin] = Numbering("rules", 1, numbers.MAX_RULES)
        self.rule_sets: Numbering[RuleSet] = Numbering("rule sets", 0, numbers.MAX_RULE_SETS)


class WrittenSides:
    """Which sides the kernel has. Holds no maps: those that are given must be the same every time."""

    def __init__(self) -> None:
        self._known: dict[bytes, WrittenSide] = {}
        self._sides: Shared[bytes] = Shared("sides", numbers.OPEN_SIDE + 1, 1 << 31)
        self._pages: Shared[bytes] = Shared("pages", 0, numbers.MAX_PAGES)
        self._decisions: Shared[bytes] = Shared("decisions", 1, numbers.MAX_DECISIONS)

    def missing(self, keys: Collection[bytes]) -> list[bytes]:
        """Those that were not written yet; each once, in order."""
        return [key for key in dict.fromkeys(keys) if key not in self._known]

    def number(self, key: bytes) -> int:
        """The number of a side that was written."""
        return self._known[key].number

    def write(self, key: bytes, side: LoweredSide, maps: Mapping[str, Map], names: RuleNumbers) -> None:
        """Have a side in the kernel. Raises TableFull or KernelError, and then what it took was given back."""
        writing = _Writing(maps, names, self._pages, self._decisions)
        number, _ = self._sides.take(key)
        identities: list[int] = []
        try:
            for identity, node in ((numbers.ANY_PEER, side.anybody), *side.peers):
                maps["peers"].update(contents.peer(number, identity), contents.number(writing.entry(node)))
                identities.append(identity)
        except BaseException:
            self._take_away(WrittenSide(number, tuple(identities), tuple(writing.pages), tuple(writing.decisions), (), ()), key, maps)
            raise
        rule_sets = tuple(dict.fromkeys(each.rule_set for each in judgements(side) if each.rule_set is not None))
        self._known[key] = WrittenSide(number, tuple(identities), tuple(writing.pages), tuple(writing.decisions), origins_of(side), rule_sets)

    def keep(self, keys: Collection[bytes], maps: Mapping[str, Map]) -> None:
        """Take all others away; nothing in the kernel may refer to them."""
        used = set(keys)
        for key in [each for each in self._known if each not in used]:
            self._take_away(self._known.pop(key), key, maps)

    def origins(self) -> Iterator[Origin]:
        """The rules that sides name."""
        return (origin for each in self._known.values() for origin in each.origins)

    def rule_sets(self) -> dict[RuleSet, None]:
        """The rule sets that sides name; each once."""
        return dict.fromkeys(rule_set for each in self._known.values() for rule_set in each.rule_sets)

    def figures(self) -> dict[str, int]:
        """How much of each table is in use."""
        peers = sum(len(each.identities) for each in self._known.values())
        return {"peers": peers, "pages": self._pages.used, "decisions": self._decisions.used}

    def _take_away(self, written: WrittenSide, key: bytes, maps: Mapping[str, Map]) -> None:
        for identity in written.identities:
            maps["peers"].delete(contents.peer(written.number, identity))
        for page in written.pages:
            self._pages.give_back(page)
        for decision in written.decisions:
            self._decisions.give_back(decision)
        self._sides.give_back(key)


class _Writing:
    """One side on its way: what it takes of pages and decisions, each once."""

    def __init__(self, maps: Mapping[str, Map], names: RuleNumbers, pages: Shared[bytes], decisions: Shared[bytes]) -> None:
        self._maps, self._names, self._pages, self._decisions = maps, names, pages, decisions
        self._entries: dict[int, int] = {}
        self.pages: dict[bytes, int] = {}
        self.decisions: dict[bytes, int] = {}

    def entry(self, node: Node) -> int:
        """The entry that leads to a node; new pages and decisions are written, from the leaves up."""
        if id(node) not in self._entries:
            self._entries[id(node)] = self._decision(node) if isinstance(node, Judgement) else self._page(contents.page(self._runs(node.runs))) | numbers.IS_PAGE
        return self._entries[id(node)]

    def _runs(self, runs: tuple[tuple[int, Node], ...]) -> list[tuple[int, int]]:
        return [(first, self.entry(each)) for first, each in runs]

    def _page(self, page: bytes) -> int:
        digest = blake2b(page, digest_size=16).digest()
        if digest not in self.pages:
            self.pages[digest], is_new = self._pages.take(digest)
            if is_new:
                self._maps["pages"].update(contents.number(self.pages[digest]), page)
        return self.pages[digest]

    def _decision(self, judged: Judgement) -> int:
        rule_set = self._names.rule_sets.number(judged.rule_set) if judged.rule_set is not None else 0
        audit = self._names.rules.number(judged.audit) if judged.audit is not None else 0
        value = contents.decision(judged.action, judged.refusal, rule=self._names.rules.number(judged.rule), rule_set=rule_set, audit_rule=audit)
        if value not in self.decisions:
            self.decisions[value], is_new = self._decisions.take(value)
            if is_new:
                self._maps["decisions"].update(contents.number(self.decisions[value]), value)
        return self.decisions[value]
