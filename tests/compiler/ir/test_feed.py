"""The matcher of HTTP heads means the same in CPython and as IR, whatever its tables say and wherever the bytes are cut."""

from __future__ import annotations

import random

import pytest

from pybpf.compiler.frontend import translate
from pybpf.compiler.ir.run import Machine
from pybpf.compiler.lang import GlobalArray
from pybpf.kernel_progs import http, http_arrays, http_program
from pybpf.kernel_progs.matching import Action, Choice, Chunk
from pybpf.kernel_progs.state import chunks

ROWS, SPECIAL, SKIPPING, COLUMNS, APART = 24, 12, 6, 8, 10
NAMES = ("columns", "transitions", "chunk_rows", "actions", "arguments", "met", "choices", "wanted", "lengths", "settings")
ARRAYS: dict[str, GlobalArray] = {name: getattr(http_arrays, name) for name in NAMES}
# every action but those that are entered at digits only and count on it
ACTIONS = [each for each in Action if each not in (Action.LENGTH_DIGIT, Action.CHUNK_DIGIT)]


def fill(chance: random.Random) -> None:
    """Tables of a random automaton, as CPython sees them: rows APART, with gaps and falls."""
    for byte in range(256):
        http_arrays.columns[byte] = chance.choice([1, 2, 3, 1 + byte % COLUMNS])
    for place in range(len(http_arrays.transitions)):
        http_arrays.transitions[place] = 0
    for row in range(1, ROWS):
        for column in range(1, COLUMNS + 1):
            target = chance.randrange(1, ROWS) * APART if chance.random() < 0.99 else 0
            http_arrays.transitions[row * APART + column] = column << 24 | target if chance.random() < 0.8 else 0
        http_arrays.transitions[row * APART + http.FALL] = http.FALL << 24 | chance.randrange(1, ROWS) * APART if chance.random() < 0.9 else 0
    for number in range(ROWS):
        row = number * APART
        http_arrays.actions[row] = chance.choice([Action.SKIP_VALUE, Action.SKIP_NAME]) if number < SKIPPING else chance.choice(ACTIONS)
        http_arrays.arguments[row] = chance.randrange(64)
        http_arrays.met[row] = chance.getrandbits(64)
        http_arrays.choices[number] = chance.randrange(1000) | chance.choice([0, Choice.LAST])
        http_arrays.wanted[number] = chance.choice([0, 1 << chance.randrange(64)])
        http_arrays.lengths[number] = chance.getrandbits(32)
        http_arrays.chunk_rows[number] = chance.randrange(1, ROWS) * APART
    rows = [chance.randrange(SPECIAL, ROWS), SKIPPING, SPECIAL, chance.randrange(SKIPPING, SPECIAL), chance.randrange(1, SKIPPING)]
    for place, value in enumerate([*(row * APART for row in rows), 77, chance.randrange(2)]):
        http_arrays.settings[place] = value


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
        piece = bytes(chance.choice(b"GET /abc:-\r\n\x00\xff0123456789 xyz.Host") for _ in range(chance.choice([1, 2, 40, 300])))
        piece = chance.choice([b"", b"", b"Host: a.bc:80\r\n", b"Connection: keep-alive\r\n"]) + piece
        chunk.octets.fill(piece)
        chunk.length = len(piece)
        before = bytes(chunk)
        in_python, after = http.feed(chunk), bytes(chunk)
        chunk.copy_from(Chunk.view(bytearray(before)))
        assert (machine.call("feed", chunk), bytes(chunk)) == (in_python, after)
