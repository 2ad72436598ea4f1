"""What the documentation shows is true: its Python runs and prints what it says."""

from __future__ import annotations

import contextlib
import importlib
import io
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

import pybpf
from pybpf import api
from pybpf.cli import main
from pybpf.compiler import building, pipeline
from pybpf.compiler.diag import Source
from pybpf.compiler.frontend import translate
from pybpf.compiler.ir.check import check
from pybpf.compiler.ir.run import Machine
from pybpf.compiler.lang import Action, Skb, Xdp, XdpAction, maps, standing_in
from pybpf.compiler.lang.maps import MAP_SINCE
from pybpf.compiler.policy.inventory import read_inventory
from pybpf.compiler.policy.model.flow import Outcome
from pybpf.compiler.policy.pages import pages
from pybpf.features import missing
from tests.support.pages import context_of, module_of_page, programs_of

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("docs/*.md"), ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md"])


def test_the_library_page_prints_what_it_says() -> None:
    text = (ROOT / "docs/library.md").read_text()
    names: dict[str, object] = {}
    for block, said in re.findall(r"```python\n(.*?)```\n\nprints `([^`]*)`", text, re.DOTALL):
        if "pybpf.load(" in block and missing():
            pytest.skip("missing: " + "; ".join(each.what for each in missing()))
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block, "docs/library.md", "exec"), names)
        assert printed.getvalue().strip() == said


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_to_a_file(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists() or target.startswith("http"), f"{page.name}: {target}"


def test_every_command_of_the_readme_exists() -> None:
    made = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`?make ([a-z-]+)", (ROOT / "README.md").read_text() + (ROOT / "CONTRIBUTING.md").read_text()):
        assert re.search(rf"^{target}:", made, re.MULTILINE), target


def test_the_names_at_the_front_doors_are_those_of_the_rooms_behind() -> None:
    import pybpf.compiler

    assert sorted(pybpf.__all__) == sorted(api.__all__)
    assert sorted(pybpf.compiler.__all__) == sorted([*pipeline.__all__, *building.__all__])
    for name in pybpf.__all__:
        assert getattr(pybpf, name) is getattr(api, name)


def test_every_example_of_the_language_page_runs_in_cpython_as_its_ir_says(tmp_path: Path) -> None:
    module = module_of_page("kernel-python.md", tmp_path)
    programs = programs_of(module)
    assert len(programs) >= 14
    machine = Machine(check(translate(programs)))
    with standing_in(get_current_task=lambda: 1):
        for program in programs:
            first = program(context_of(program))
            again = machine.call(program.__name__, context_of(program))
            assert isinstance(first, int) and isinstance(again, int), program.__name__
    packet = bytes(12) + b"\x08\x00" + bytes.fromhex("45000028000000004006")
    assert module.count_protocols(Skb(packet)) == Action.OK
    assert module.counts.lookup(6).octets == 40


def test_the_kernel_program_of_the_readme_compiles_and_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (text,) = [block for block in blocks if "@program" in block]
    (tmp_path / "readme_count.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("readme_count")
    assert module.count(Xdp(bytes(60))) == XdpAction.PASS
    assert module.packets.lookup(0).value == 1
    assert pybpf.compile_programs(module.count).elf.startswith(b"\x7fELF")


def test_the_tests_on_the_language_page_pass(tmp_path: Path) -> None:
    module = module_of_page("kernel-python.md", tmp_path)
    tests = [each for name, each in vars(module).items() if name.startswith("test_")]
    assert tests
    for test in tests:
        test()


def test_the_language_page_names_every_map_and_the_first_kernel_that_has_it() -> None:
    page = (ROOT / "docs/kernel-python.md").read_text()
    rows = re.findall(r"^\| ((?:`\w+`[^|`]*)+)\| (\d+\.\d+) \|$", page, re.MULTILINE)
    stated = {name: since for names, since in rows for name in re.findall(r"`(\w+)`", names)}
    declared = {
        name: MAP_SINCE[kind.type]
        for name, kind in vars(maps).items()
        if isinstance(kind, type) and issubclass(kind, maps.Declaration) and hasattr(kind, "type") and name in maps.__all__
    }
    assert stated == declared


def test_every_error_code_has_its_row_on_the_page() -> None:
    page = (ROOT / "docs/errors.md").read_text()
    sources = [path.read_text() for folder in ("compiler", "pybpf") for path in (ROOT / folder).rglob("*.py") if "compiler/policy" not in str(path)]
    codes = {code for text in sources for code in re.findall(r'"((?:policy|kernel|http|scenario)-[a-z-]+)"', text)}
    outcomes = {outcome.value for outcome in Outcome}  # verdicts, spelt alike
    assert len(codes) > 40
    assert {code for code in codes - outcomes - set(pages()) if f"`{code}`" not in page} == set()  # pages() has a page of its own


def test_the_transcript_of_the_policy_page_is_what_the_command_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    page = (ROOT / "docs/policies.md").read_text()
    command = re.search(r"    pybpf (why .*?)\n\n", page, re.DOTALL)
    assert command is not None
    done = CliRunner().invoke(main, shlex.split(command[1].replace("\\\n", " ")))
    transcript = [line[4:] for line in page.splitlines() if line.startswith("    ") and ("by examples" in line or "(orders)" in line)]
    assert transcript and all(line in done.stdout.splitlines() for line in transcript)


def test_the_inventory_of_the_policy_page_is_read() -> None:
    page = (ROOT / "docs/policies.md").read_text()
    text = page.split("```yaml\n")[1].split("```")[0]
    assert [each.name for each in read_inventory(Source("page.yaml", text)).endpoints] == ["web", "orders"]
