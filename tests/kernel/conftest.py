"""What the tests that touch the kernel share: a skip that says what is missing, objects, leak checks, namespaces."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pyroute2 import netns

from pybpf.bpffs import ensure_mounted
from pybpf.elf import parse
from pybpf.features import missing
from pybpf.spec import ObjectSpec


@pytest.fixture(autouse=True)
def _able(request: pytest.FixtureRequest) -> None:
    """Skip, naming what is missing."""
    if request.node.get_closest_marker("kernel") is not None:
        lacking = missing()
        if lacking:
            pytest.skip("missing: " + "; ".join(f"{each.what} ({each.remedy})" for each in lacking))


@pytest.fixture(scope="session")
def objects() -> Callable[[str], ObjectSpec]:
    """The spec of tests/objects/NAME.o."""
    folder = Path(__file__).resolve().parent.parent / "objects"
    return lambda name: parse((folder / f"{name}.o").read_bytes())


@pytest.fixture
def no_leaks() -> Iterator[None]:
    """Fail if the test leaves a file descriptor open."""
    before = os.listdir("/proc/self/fd")
    yield
    assert os.listdir("/proc/self/fd") == before


@pytest.fixture
def bpffs(tmp_path: Path) -> Iterator[Path]:
    """A BPF file system of the test's own."""
    folder = tmp_path / "bpf"
    folder.mkdir()
    yield ensure_mounted(folder)
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def namespace() -> Iterator[ThreadPoolExecutor]:
    """One thread in a fresh network namespace that has a veth pair, `left` and `right`, both up."""
    name = f"pybpf-test-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        for words in ("add left type veth peer name right", "set left up", "set right up"):
            subprocess.run(["ip", "-n", name, "link", *words.split()], check=True)
        with ThreadPoolExecutor(max_workers=1, initializer=netns.setns, initargs=(name,)) as thread:
            yield thread
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)
