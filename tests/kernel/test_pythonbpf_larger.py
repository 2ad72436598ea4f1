"""The larger examples under examples/pythonbpf at work: a game is played, calls and packets are made and counted."""

from __future__ import annotations

import importlib.util
import os
import random
import re
import struct
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import pytest

import pybpf
from pybpf.cli.build import programs_of
from pybpf.compiler.lang import Action, Struct, XdpAction, standing_in
from pybpf.compiler.lang.declare import MARK
from pybpf.runs import run_raw_tracepoint

pytestmark = pytest.mark.kernel
FOLDER = Path(__file__).resolve().parents[2] / "examples" / "pythonbpf"
S = TypeVar("S", bound=Struct)
LINES = {"snake": 120, "anomaly_detection": 60, "container_monitor": 60, "clone_plot": 60, "documentation": 200}


def example(name: str) -> ModuleType:
    """examples/pythonbpf/`name`.py, imported anew."""
    spec = importlib.util.spec_from_file_location(f"larger_{name}", FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # annotations are looked up there
    spec.loader.exec_module(module)
    return module


def while_it_happens(main: Callable[..., None], *words: str, event: Callable[[], object]) -> None:
    """Run an example's `main`, and make `event` happen over and over until it is done."""
    with ThreadPoolExecutor(1) as threads:
        done = threads.submit(main, *words)
        until = time.monotonic() + 30
        while not done.done() and time.monotonic() < until:
            event()
            time.sleep(0.01)
        done.result(timeout=0)


@pytest.mark.parametrize(("name", "most"), LINES.items())
def test_an_example_is_small(name: str, most: int) -> None:
    assert len((FOLDER / f"{name}.py").read_text().splitlines()) <= most


class Table:
    """A snake whose rules are in the kernel, and the module it is from."""

    def __init__(self, module: ModuleType, loaded: pybpf.Loaded) -> None:
        self.module, self._game = module, loaded.variables["game"]

    def step(self, before: Any) -> Any:
        """The game after one step, as the kernel takes it."""
        self._game.bytes = bytes(before)
        os.getppid()
        return type(before).view(bytearray(self._game.bytes))


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    module = example("snake")
    place = pybpf.Tracepoint("syscalls", "sys_enter_getppid")
    with pybpf.load(pybpf.compile_programs(module.step).elf) as loaded, pybpf.attach(loaded, "step", place):
        yield Table(module, loaded)


def body(game: Any) -> list[tuple[int, int]]:
    """Where the segments of a snake are, the head first."""
    return [(game.rows[segment], game.columns[segment]) for segment in range(game.length)]


def coiled(module: ModuleType, *segments: tuple[int, int], key: int) -> Any:
    """A game with this snake."""
    game = module.new_game()
    game.length, game.key = len(segments), key
    game.rows.fill(bytes(row for row, _ in segments))
    game.columns.fill(bytes(column for _, column in segments))
    return game


def test_the_snake_goes_where_it_is_steered(table: Table) -> None:
    game = table.module.new_game()
    for key, head in ((67, (1, 3)), (66, (2, 3)), (66, (3, 3)), (67, (3, 4)), (65, (2, 4)), (68, (2, 3))):
        before, game.key = body(game), key
        game = table.step(game)
        assert body(game) == [head, before[0]] and game.is_over == 0


def test_the_snake_of_somebody_else_does_not_move(table: Table) -> None:
    game = table.module.new_game()
    game.player = 1
    assert bytes(table.step(game)) == bytes(game)


def test_the_snake_grows_where_it_eats(table: Table) -> None:
    game = table.module.new_game()
    game.food_row, game.food_column = 1, 3
    game = table.step(game)
    assert body(game) == [(1, 3), (1, 2), (1, 1)]
    assert 1 <= game.food_row <= 10 and 1 <= game.food_column <= 48


def test_the_longest_snake_eats_and_stays_as_long(table: Table) -> None:
    game = coiled(table.module, *((1, 40 - segment) for segment in range(32)), key=67)
    game.food_row, game.food_column = 1, 41
    after = table.step(game)
    assert after.length == 32 and body(after) == [(1, 41), *body(game)[:31]]


@pytest.mark.parametrize(("head", "key"), [((1, 5), 65), ((10, 5), 66), ((5, 48), 67), ((5, 1), 68)])
def test_a_wall_ends_the_game(table: Table, head: tuple[int, int], key: int) -> None:
    after = table.step(coiled(table.module, head, key=key))
    assert after.is_over == 1
    assert bytes(table.step(after)) == bytes(after)


def test_a_bite_ends_the_game(table: Table) -> None:
    game = coiled(table.module, (5, 5), (5, 6), (6, 6), (6, 5), (6, 4), (5, 4), key=66)
    assert table.step(game).is_over == 1
    game.key = 65
    assert table.step(game).is_over == 0


def test_the_kernel_and_python_play_alike(table: Table) -> None:
    choose, module = random.Random(7), table.module
    game, length = module.new_game(), 0
    with standing_in(get_current_pid_tgid=lambda: os.getpid() << 32, get_prandom_u32=lambda: 0):
        for _ in range(300):
            if game.is_over or game.length == 32:
                game = module.new_game()
            game.key = module.turned(game.key, bytes([choose.choice(tuple(module.Key))]))
            game.food_row, game.food_column = choose.choice([body(game)[0], (game.rows[0], min(game.columns[0] + 1, 48))])
            module.game.copy_from(game)
            module.step(module.Tracepoint())
            game = table.step(game)
            ours = [(*body(each), each.length, each.is_over) for each in (game, module.game)]
            assert ours[0] == ours[1]
            length = max(length, game.length)
    assert length > 3  # something was eaten


def test_a_game_is_played_with_keys_to_its_end() -> None:
    done = subprocess.run([sys.executable, str(FOLDER / "snake.py"), "0.01"], input="b", capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    boards = done.stdout.split("\x1b[H\x1b[J")[1:]
    assert len(boards) == 10 and boards[0].splitlines()[1] == "#@@" + " " * 46 + "#"
    assert done.stdout.endswith("Game over with a length of 2\n")


def test_changes_of_rates_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    while_it_happens(example("anomaly_detection").main, str(os.getpid()), "3", "0.3", event=lambda: [os.getppid() for _ in range(50)])
    first, *rest = capsys.readouterr().out.splitlines()
    assert len(rest) == 2
    assert re.search(r"call 110: [1-9]\d* \(\+\d+\)", first)


def test_only_the_process_that_is_watched_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        time.sleep(0.2)
        try:
            while_it_happens(example("anomaly_detection").main, str(sleeper.pid), "1", "0.2", event=os.getppid)
        finally:
            sleeper.kill()
    assert capsys.readouterr().out.split(maxsplit=5) == ["0", "calls", "a", "second;", "no", "change\n"]


def fork() -> int:
    """The pid of a child that did nothing but end, with 3."""
    child = os.fork()
    if child == 0:
        os._exit(3)
    os.waitpid(child, 0)
    return child


def test_clones_are_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    while_it_happens(example("clone_plot").main, "0.7", "3", event=fork)
    printed = capsys.readouterr().out
    assert " | #" in printed and f"{os.getpid()} called " in printed


def test_a_picture_has_at_most_twenty_bars_and_every_count() -> None:
    picture = example("clone_plot").picture
    for counts in ([1], [1, 1, 5, 40], list(range(1, 22)), [1000000, 1]):
        rows = picture(counts).splitlines()
        assert len(rows) <= 20 and sum(int(row.split()[-1]) for row in rows) == len(counts)


@pytest.fixture
def cgroup() -> Iterator[Path]:
    """A control group of its own."""
    folder = pybpf.cgroup_root() / f"pybpf-larger-{uuid.uuid4().hex[:6]}"
    folder.mkdir()
    try:
        yield folder
    finally:
        folder.rmdir()


WORK = """
import os, socket
open("{}/cgroup.procs", "w").write(str(os.getpid()))
with open("/dev/zero", "rb", buffering=0) as zero, open("/dev/null", "wb", buffering=0) as null:
    for _ in range(10):
        null.write(zero.read(4096))
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.bind(("127.0.0.1", 0))
    for _ in range(3):
        s.sendto(bytes(100), s.getsockname())
        s.recv(200)
"""


def test_what_a_control_group_does_is_counted_as_its_own(cgroup: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = 0

    def work() -> None:
        nonlocal runs
        runs += 1
        subprocess.run([sys.executable, "-I", "-S", "-c", WORK.format(cgroup)], check=True)

    while_it_happens(example("container_monitor").main, "1", event=work)
    (line,) = (each for each in capsys.readouterr().out.splitlines() if each.startswith(f"{cgroup} "))
    counted = {name: (int(times), int(octets)) for name, times, octets in re.findall(r"(\w+) (\d+) \((\d+) bytes\)", line)}
    assert counted["read"][0] >= 10 and counted["read"][1] >= 40960
    assert counted["written"][0] >= 10 and 40960 <= counted["written"][1] <= 40960 * runs + 10000
    for way in ("sent", "received"):
        times, octets = counted[way]
        assert 3 <= times <= 3 * runs and octets == 128 * times  # nobody else's: IPv4 and UDP have 28
    assert counted["calls"][0] >= counted["read"][0] + counted["written"][0]


@dataclass(frozen=True, slots=True)
class Documentation:
    """The programs of documentation.py, loaded, and their module."""

    module: ModuleType
    loaded: pybpf.Loaded

    def records(self, ring: str, kind: type[S]) -> list[S]:
        """What is in a ring buffer now."""
        with pybpf.RingReader(self.loaded.maps[ring]) as reader:
            return [kind.view(bytearray(record)) for record in reader.read(timeout_ms=100)]

    def value(self, table: str, key: int, kind: type[S]) -> S:
        """What is in a map of structs."""
        found = self.loaded.maps[table].lookup(struct.pack("=I", key))
        assert found is not None
        return kind.view(bytearray(found))


@pytest.fixture(scope="module")
def documentation() -> Iterator[Documentation]:
    """Loaded, and attached where a section names the place."""
    module = example("documentation")
    programs = programs_of(module)
    with ExitStack() as held:
        loaded = held.enter_context(pybpf.load(pybpf.compile_programs(*programs).elf))
        for each in programs:
            match getattr(each, MARK).section.split("/"):
                case ["tracepoint", category, point]:
                    held.enter_context(pybpf.attach(loaded, each.__name__, pybpf.Tracepoint(category, point)))
                case ["raw_tracepoint", point]:
                    held.enter_context(pybpf.attach(loaded, each.__name__, pybpf.RawTracepoint(point)))
        yield Documentation(module, loaded)


def test_all_of_the_documentation_is_loaded(documentation: Documentation) -> None:
    assert len(documentation.loaded.programs) == 15


def test_an_exec_is_told_and_its_end_remembered(documentation: Documentation) -> None:
    documentation.records("started", documentation.module.Event)
    before = time.monotonic_ns()
    with subprocess.Popen(["/bin/true"]) as child:
        child.wait()
    told = {event.process: event for event in documentation.records("started", documentation.module.Event)}
    assert before < told[child.pid].time_ns < time.monotonic_ns()
    last = documentation.loaded.maps["last_exec"].lookup(bytes(8))
    assert last is not None and int.from_bytes(last, "little") > before


def test_reads_are_counted_with_the_bytes_they_asked_for(documentation: Documentation) -> None:
    kind = documentation.module.Reads
    before = time.monotonic_ns()
    with Path("/dev/zero").open("rb", buffering=0) as zero:
        zero.read(1)
        seen = documentation.value("reads", os.getpid(), kind)
        for _ in range(10):
            zero.read(1000)
    now = documentation.value("reads", os.getpid(), kind)
    assert now.calls - seen.calls >= 10 and now.asked_bytes - seen.asked_bytes >= 10000
    assert before < now.last_ns < time.monotonic_ns()
    assert documentation.loaded.maps["read_began"].lookup(struct.pack("=I", threading.get_native_id())) is None


def test_an_opened_file_is_told_by_its_name(documentation: Documentation) -> None:
    name = f"/nowhere/{uuid.uuid4().hex}"
    documentation.records("opened", documentation.module.Opened)
    with suppress(FileNotFoundError):
        os.open(name, os.O_RDONLY)
    names = [bytes(event.name).split(bytes(1))[0].decode(errors="replace") for event in documentation.records("opened", documentation.module.Opened) if event.process == os.getpid()]
    assert name in names


def test_the_life_of_a_process_is_told_from_fork_to_exit(documentation: Documentation) -> None:
    before = time.monotonic_ns()
    child = fork()
    life = documentation.value("lives", child, documentation.module.Life)
    assert before < life.began_ns < life.ended_ns < time.monotonic_ns()
    assert (life.parent, os.waitstatus_to_exitcode(life.exit_code)) == (os.getpid(), 3)
    assert bytes(life.command).rstrip(bytes(1)).decode() == Path("/proc/self/comm").read_text().strip()
    assert documentation.loaded.variables["last_clone_ns"].value > before


def test_switches_are_counted_by_processor(documentation: Documentation) -> None:
    time.sleep(0.01)
    counts = {int.from_bytes(key, "little"): int.from_bytes(value, "little") for key, value in documentation.loaded.maps["switches"].items()}
    assert counts and set(counts) <= set(range(os.cpu_count() or 1)) and min(counts.values()) > 0


def test_requests_to_block_devices_are_counted(documentation: Documentation) -> None:
    before = documentation.loaded.variables["requests"].value
    run_raw_tracepoint(documentation.loaded.programs["request_started"], [0])
    assert documentation.loaded.variables["requests"].value > before


def test_a_packet_is_marked_behind_its_ethernet_header(documentation: Documentation) -> None:
    mark = documentation.loaded.programs["mark_packet"]
    marked, too_short = mark.test_run(bytes(60)), mark.test_run(bytes(16))
    assert (marked.return_value, marked.data) == (Action.OK, bytes(14) + b"\xde\xad\xbe\xef" + bytes(42))
    assert (too_short.return_value, too_short.data) == (Action.SHOT, bytes(16))


def test_packets_of_udp_are_told_and_all_pass(documentation: Documentation) -> None:
    tell, kind = documentation.loaded.programs["tell_packet"], documentation.module.Packet
    udp = bytes(12) + b"\x08\x00\x45" + bytes(8) + b"\x11" + bytes(2) + bytes([10, 0, 0, 1, 10, 0, 0, 2]) + struct.pack("!HH", 53, 5353)
    icmp = udp[:23] + b"\x01" + udp[24:]
    longer = udp[:14] + b"\x46" + udp[15:]
    short = udp[:37]
    assert {tell.test_run(packet.ljust(size, bytes(1))).return_value for packet, size in ((udp, 60), (icmp, 60), (longer, 60), (short, 37))} == {XdpAction.PASS}
    (told,) = documentation.records("packets", kind)
    assert (told.source, told.destination, told.source_port, told.destination_port, told.length) == (0x0A000001, 0x0A000002, 53, 5353, 60)
