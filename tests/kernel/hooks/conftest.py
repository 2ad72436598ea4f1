"""A cgroup of a test's own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pybpf.hooks import cgroup_root


@pytest.fixture
def cgroup() -> Iterator[Path]:
    """An empty cgroup (version 2)."""
    folder = cgroup_root() / f"pybpf-test-{os.getpid()}"
    folder.mkdir()
    yield folder
    folder.rmdir()
