from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from pybpf import __version__
from pybpf.cli import COMMANDS, main

HEAVY = ("llvmlite", "rich", "pyroute2", "yaml", "lark", "elftools", "pybpf._bpf", "pybpf.compiler.pipeline")


def run_and_list_modules(*arguments: str) -> set[str]:
    """Every module a fresh Python has imported when `pybpf ARGUMENTS` is done."""
    program = "import sys; from pybpf.cli import main; main(sys.argv[1:], standalone_mode=False); print('modules', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("demo", "--help"), ("check", "--help")])
def test_nothing_heavy_is_imported_to_say_what_there_is(arguments: tuple[str, ...]) -> None:
    assert run_and_list_modules(*arguments).isdisjoint(HEAVY)


def test_the_version_does_not_import_any_command() -> None:
    loaded = run_and_list_modules("--version")
    assert loaded.isdisjoint(target.partition(":")[0] for target in COMMANDS.values())


def test_the_version_is_the_packages() -> None:
    done = subprocess.run([sys.executable, "-m", "pybpf", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"pybpf {__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_is_there(name: str) -> None:
    assert CliRunner().invoke(main, [name, "--help"]).exit_code == 0


@pytest.mark.parametrize("arguments", [["unheard-of"], ["check"], ["compile"], ["demo"], ["demo", "unheard-of"], ["check", "--unheard-of", "x"]])
def test_wrong_usage_is_status_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(main, arguments).exit_code == 2
