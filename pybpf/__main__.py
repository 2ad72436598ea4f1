"""`python -m pybpf`: the same as the command `pybpf`."""

from __future__ import annotations

from pybpf.cli import main

if __name__ == "__main__":
    main(prog_name="pybpf")
