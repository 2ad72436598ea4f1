"""The object that `pybpf compile` writes loads with other people's loader."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.kernel
FLIGHTS = Path(__file__).resolve().parent.parent.parent / "examples/flights/read-flights.yaml"


def test_the_flights_policy_loads_with_bpftool(tmp_path: Path, bpffs: Path) -> None:
    if (bpftool := shutil.which("bpftool", path="/usr/sbin:/sbin:/usr/bin:/bin")) is None:
        pytest.skip("missing: bpftool (apt-get install bpftool)")
    output = tmp_path / "flights.o"
    subprocess.run([sys.executable, "-m", "pybpf", "compile", str(FLIGHTS), "-o", str(output)], check=True, capture_output=True)
    subprocess.run([bpftool, "prog", "loadall", str(output), str(bpffs / "flights")], check=True, capture_output=True)
    pinned = {path.name for path in (bpffs / "flights").iterdir()}
    stages = {"parse_packet", "judge_stream", "strip_packet", "refuse_packet", "prohibit_packet", "follow_replies"}
    assert pinned == stages | {"to_endpoint", "from_endpoint", "judge_http_0"}
    shutil.rmtree(bpffs / "flights")
