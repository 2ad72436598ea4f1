"""The matcher of HTTP heads means the same in CPython and as IR, whatever its tables say and wherever the bytes are cut."""

from __future__ import annotations

import random

import pytest

from pybpf.compiler.frontend import translate
from pybpf.compiler.ir.run import Machine
from pybpf.compiler.lang import GlobalArray
from pybpf.kernel_progs import http, http_program
from pybpf.kernel_progs.matching import Action, Chunk
from pybpf.kernel_progs.state import chunks

ROW = 1 << http.STRIDE_SHIFT
ROWS, SPECIAL, SKIPPING = 24, 12, 6
ARRAYS: dict[str, GlobalArray] = {name: getattr(http, name) for name in ("classes", "transitions", "actions", "rules", "settings")}
# every action but LENGTH_DIGIT, which is entered at digits only and counts on it
ACTIONS = [Action.REFUSE, Action.REQUEST_LINE, Action.HEAD_END, Action.LENGTH_NAME, Action.HOST_NAME]


def fill(chance: random.Random) -> None:
    """Tables of a random automaton, as CPython sees them."""
    for byte in range(256):
        http.classes[byte] = chance.choice([0, 1, 2, byte & (ROW - 1)])
    for place in range(ROWS * ROW):
        http.transitions[place] = chance.randrange(1, ROWS) * ROW if chance.random() < 0.99 else 0
    for number in range(ROWS):
        http.actions[number] = chance.choice([Action.SKIP_VALUE, Action.SKIP_NAME]) if number < SKIPPING else chance.choice(ACTIONS)
        http.rules[number] = chance.randrange(1000)
    for place, value in enumerate([chance.randrange(SPECIAL, ROWS) * ROW, SKIPPING * ROW, SPECIAL * ROW, 77]):
        http.settings[place] = value


@pytest.fixture
def chunk() -> Chunk:
    """The scratch that `feed` works in."""
    found = chunks.lookup(0)
    assert found is not None
    return found


@pytest.mark.parametrize("seed", range(12))
def test_feed_means_the_same_everywhere(seed: int, chunk: Chunk) -> None:
    chance = random.Random(seed)
    fill(chance)
    machine = Machine(translate([http_program.judge_http]))
    for name, array in ARRAYS.items():
        machine.globals[name][:] = bytes(array)
    chunk.copy_from(Chunk())
    chunk.matcher.fresh = 1
    for _ in range(12):
        piece = bytes(chance.choice(b"GET /abc:-\r\n\x00\xff0123456789 xyz") for _ in range(chance.choice([1, 2, 40, 300])))
        chunk.octets.fill(piece)
        chunk.length = len(piece)
        before = bytes(chunk)
        in_python, after = http.feed(chunk), bytes(chunk)
        chunk.copy_from(Chunk.view(bytearray(before)))
        assert (machine.call("feed", chunk), bytes(chunk)) == (in_python, after)
