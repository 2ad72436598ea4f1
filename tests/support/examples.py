"""The examples as modules of their own: each call gives a fresh one, with empty maps."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "kernel-python"
EXAMPLES = ("rate_limiter", "egress_firewall", "connect_redirector", "rtt_histogram", "exec_logger", "port_steering")


def example(name: str) -> ModuleType:
    """examples/kernel-python/`name`.py, imported anew."""
    return module_of_example(FOLDER / f"{name}.py")


def module_of_example(path: Path) -> ModuleType:
    """The module that a file is, imported anew."""
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # annotations are looked up there
    spec.loader.exec_module(module)
    return module
