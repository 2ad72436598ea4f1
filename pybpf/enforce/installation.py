"""Enforcement that outlives its process: put in place, changed, adopted after a crash or an upgrade, taken away.

A change of policy goes the way of tables.py in the maps that are there. Where these cannot be trusted (another version of pybpf wrote
them, or a process died while it changed them) a new generation is made: programs and maps of policy anew, filled with what is enforced
now, and then each attachment is moved from the old program to the new one, which say the same; only then the policy changes. Maps that
know flows and counts go on, with numbers of rules and endpoints as they were.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

import pybpf
from pybpf.compiler import Compilation
from pybpf.compiler.pipeline import compile_policies
from pybpf.enforce import store
from pybpf.enforce.attachments import Way, best_way
from pybpf.enforce.datapath import LASTING, Datapath, load_datapath, open_pinned, pin
from pybpf.enforce.pinned import Pinned
from pybpf.enforce.presence import Names, check_here, places_now
from pybpf.enforce.rates import pinned_control, rates, set_rates
from pybpf.enforce.request import Request, change
from pybpf.enforce.rule_programs import RulePrograms
from pybpf.enforce.store import State, Unconfirmed
from pybpf.enforce.tables import Begun, Tables
from pybpf.kernel_progs.numbers import BOTH_COLUMNS
from pybpf.maps import Map
from pybpf.places import Place, own_namespace

_HERE: Final = Path(str(pybpf.__file__)).parent
_SOURCES: Final = ("enforce", "../kernel_progs", "../compiler/lower", "../compiler/policy/model")
_LAYOUTS: Final = ("../kernel_progs/abi.py", "../kernel_progs/state.py", "../kernel_progs/matching.py")


def _hash_of(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


# Of the code that runs: by the time it is asked, another may lie where this one was read from.
VERSION: Final = _hash_of(path for each in _SOURCES for path in (_HERE / each).rglob("*.py"))
"""What tells this code from any other that fills the maps or writes the state: a hash of its sources."""
LAYOUT: Final = _hash_of(_HERE / each for each in _LAYOUTS)
"""What tells the layouts of the lasting maps from any others: a hash of the sources that say them."""


def compiled(request: Request) -> Compilation:
    """What the kernel needs for a request. Raises CompileError."""
    return compile_policies(request.policies, request.inventory, request.serials)


class Installation:
    """What is pinned in a folder, open for a change. Made by `opened`, under the folder's lock."""

    def __init__(self, folder: Path, way: Way, state: State | None, datapath: Datapath, owned: ExitStack) -> None:
        self._folder, self._datapath, self._owned = folder, datapath, owned
        self._attachments = Pinned(folder / "links", way)
        self.state = state
        self.tables = Tables(datapath.maps)
        owned.callback(self.tables.close)

    @classmethod
    def opened(cls, folder: Path, state: State | None, way: Way | None = None) -> Self:
        """What is there, as its state says, fit to be changed: adopted, or made anew with what is enforced now. What is not attached yet
        will be by `way` (None: the best that the kernel has). Raises PlaceError, Elsewhere, KernelError."""
        way = way or best_way()
        if state is not None:
            check_here(state)
        if state is not None and state.version == VERSION and state.pending is None:
            return cls._adopted(folder, way, state)
        return cls._made(folder, way, state)

    @classmethod
    def _adopted(cls, folder: Path, way: Way, state: State) -> Self:
        with ExitStack() as owned:
            datapath = open_pinned(owned, store.lasting(folder, state.layout), folder / str(state.generation))
            made = cls(folder, way, state, datapath, owned.pop_all())
        made.tables.restore(state.saved)
        return made

    @classmethod
    def _made(cls, folder: Path, way: Way, state: State | None) -> Self:
        """A new generation. With a state before it, it enforces what that one does, and all attachments are moved to it."""
        generation = 1 if state is None else state.generation + 1
        goes_on = state is not None and state.layout == LAYOUT
        for leftover in (str(generation), *([] if goes_on else [store.lasting(folder, LAYOUT).name]), *(["links"] if state is None else [])):
            shutil.rmtree(folder / leftover, ignore_errors=True)  # of a process that died early
        with ExitStack() as owned:
            lasting = {name: owned.enter_context(Map.from_pin(store.lasting(folder, LAYOUT) / name)) for name in LASTING} if goes_on else {}
            datapath = load_datapath(owned, lasting)
            pin(datapath, store.lasting(folder, LAYOUT), folder / str(generation))
            made = cls(folder, way, None, datapath, owned.pop_all())
        if state is not None:
            made._take_over(state, generation)
        return made

    def _take_over(self, state: State, generation: int) -> None:
        """Enforce what the generation of `state` does, and move what is attached from it to this one."""
        wanted, revision = enforced(self._folder, state)
        self.tables.inherit(state.saved if state.layout == LAYOUT else None, revision + 1)
        with pinned_control(self._folder, state.generation) as control:
            set_rates(self._datapath.maps["control"], rates(control))
        compilation = compiled(wanted)
        interfaces = {name: place.interface_index for name, place in places_now(self._folder, state, wanted).items()}
        programs = self._prepared(compilation, interfaces)
        self.tables.switch(compilation.lowered, interfaces)
        programs.keep(self.tables.rule_sets())
        self._attachments.keep(set(interfaces.values()))  # a change that died had attached more: what does nothing now would refuse all
        self._attachments.move(self._datapath.programs)
        self.state = State(VERSION, LAYOUT, generation, self.tables.word.revision, own_namespace(), wanted, self.tables.saved(), unconfirmed=state.unconfirmed)
        store.write(self._folder, self.state)
        shutil.rmtree(self._folder / str(state.generation), ignore_errors=True)
        if state.layout != LAYOUT:
            shutil.rmtree(store.lasting(self._folder, state.layout), ignore_errors=True)

    def apply(self, request: Request, compilation: Compilation, places: Mapping[Names, Place], unconfirmed: Unconfirmed | None = None) -> None:
        """Enforce `request` in place of what is enforced. After an error what was enforced still is, and after death at any point the next
        `opened` finds its way."""
        before = self.state
        interfaces = {name: place.interface_index for name, place in places.items()}
        self._attachments.check(interfaces.values())
        programs = self._prepared(compilation, interfaces)
        begun = self._begun(request, compilation, interfaces, unconfirmed)
        self.tables.turn(begun)
        self._attachments.keep(set(interfaces.values()))
        self.tables.finish(begun)
        programs.keep(self.tables.rule_sets())
        generation = 1 if before is None else before.generation
        self.state = State(VERSION, LAYOUT, generation, self.tables.word.revision, own_namespace(), request, self.tables.saved(), unconfirmed=unconfirmed)
        store.write(self._folder, self.state)
        if before is None:  # what is attached has a state, also when this process dies
            self._attach(interfaces.values())

    def _begun(self, request: Request, compilation: Compilation, interfaces: Mapping[Names, int], unconfirmed: Unconfirmed | None) -> Begun:
        """With all written and attached that a change needs, while what was enforced still is; or, with an error, with it given up."""
        before = self.state
        if before is None:
            return self.tables.begin(compilation.lowered, interfaces)
        store.write_pending(self._folder, change(before.request, request), unconfirmed)
        try:
            begun = self.tables.begin(compilation.lowered, interfaces)
            self._attach(interfaces.values())
        except BaseException:
            store.write_given_up(self._folder, before.unconfirmed)
            raise
        return begun

    def close(self) -> None:
        """Let go of it; it goes on."""
        self._owned.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _prepared(self, compilation: Compilation, interfaces: Mapping[Names, int]) -> RulePrograms:
        """With the programs of all rule sets in their slots."""
        programs = RulePrograms(self._datapath.maps, self.tables.rule_sets())
        programs.prepare(self.tables.needed(compilation.lowered, interfaces), self.tables.rules.numbers)
        return programs

    def _attach(self, indices: Iterable[int]) -> None:
        for index in indices:
            self._attachments.attach(index, self._datapath.programs)


def detach_all(folder: Path) -> int:
    """Take every attachment away and forget everything; how many interfaces had one. Under the folder's lock.

    Raises Elsewhere when filters are attached in another network namespace, and KernelError where something stays attached.
    """
    attachments = Pinned(folder / "links", best_way())
    if attachments.has_filters() and (state := store.read_if_readable(folder)) is not None:
        check_here(state)
    found = attachments.interfaces()
    attachments.keep(())
    for each in filter(store.is_own, folder.iterdir()):
        if each.is_dir():
            shutil.rmtree(each)
        else:
            each.unlink(missing_ok=True)
    return len(found)


def enforced(folder: Path, state: State) -> tuple[Request, int]:
    """What the generation of `state` enforces now, and its revision: a process may have died on the way to what is pending."""
    with ExitStack() as owned:
        control = owned.enter_context(pinned_control(folder, state.generation))
        value = int.from_bytes((control.lookup(bytes(4)) or bytes(8))[:8], "little")
    revision, columns = value >> 2, value & BOTH_COLUMNS
    arrived = revision != state.revision and columns != BOTH_COLUMNS
    return (state.pending if state.pending is not None and arrived else state.request), revision
