from __future__ import annotations

import subprocess
import sys

NOBODY = 65534
PROGRAM = f"""
import os, pybpf.cli.demo, pybpf.features
from pybpf.cli import main
if os.geteuid() == 0:
    os.seteuid({NOBODY})
main(["demo", "flights"], prog_name="pybpf")
"""


def test_without_root_the_demo_says_in_one_line_what_is_missing() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "pybpf: the demo makes network namespaces and needs root: run it with sudo\n"
