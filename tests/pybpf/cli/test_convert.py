"""`pybpf convert` and `pybpf fmt`."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from pybpf.cli import main

SHOP = Path(__file__).resolve().parents[3] / "examples" / "policies" / "shop"
POLICY = "policy a for app=a { allow from app=b on port 80: GET /x }\n"


def run(*words: str, given: str = "") -> Result:
    return CliRunner().invoke(main, words, input=given)


def test_policies_of_both_kinds_become_the_language() -> None:
    done = run("convert", str(SHOP))
    assert (done.exit_code, done.stderr) == (0, "")
    assert 'GET regex "/orders/[0-9]+", POST /orders' in done.stdout
    assert "policy billing in namespace shop for k8s:app=billing {\n  allow from nobody\n}" in done.stdout


def test_what_was_converted_is_converted_back(tmp_path: Path) -> None:
    there = tmp_path / "shop.policy"
    assert run("convert", str(SHOP), "-o", str(there)).exit_code == 0
    back = run("convert", "--to", "cilium", str(there))
    assert (back.exit_code, back.stdout.count("kind: CiliumNetworkPolicy")) == (0, 3)
    again = tmp_path / "again.yaml"
    again.write_text(back.stdout)
    assert run("convert", str(again)).stdout == there.read_text()


def test_what_cilium_cannot_say_is_left_out_and_told(tmp_path: Path) -> None:
    there = tmp_path / "a.policy"
    there.write_text(POLICY + "policy b for app=b { deny from world on port 80: DELETE / }\npolicy c for app=c { default on deny reset allow from world }\n")
    done = run("convert", "--to", "cilium", str(there))
    assert done.exit_code == 1
    assert "name: a\n" in done.stdout and "name: b\n" not in done.stdout and "name: c\n" in done.stdout
    assert "a.policy:2:" in done.stderr and "warning" in done.stderr


def test_policies_with_errors_are_not_converted(tmp_path: Path) -> None:
    there = tmp_path / "a.policy"
    there.write_text(POLICY + "policy b for { }")
    done = run("convert", str(there))
    assert (done.exit_code, done.stdout) == (1, "")
    assert "policy-syntax" in done.stderr


def test_files_of_a_folder_are_set_well(tmp_path: Path) -> None:
    there, other = tmp_path / "a.policy", tmp_path / "b.yaml"
    there.write_text(POLICY)
    other.write_text("a:   1\n")
    told = run("fmt", "--check", str(tmp_path))
    assert (told.exit_code, told.stdout) == (1, f"{there} would change\n")
    assert there.read_text() == POLICY
    assert run("fmt", str(tmp_path)).exit_code == 0
    assert there.read_text() == "policy a for app=a {\n  allow from app=b on port 80: GET /x\n}\n"
    assert other.read_text() == "a:   1\n"
    assert run("fmt", "--check", str(tmp_path)).exit_code == 0


def test_standard_input_is_written_to_standard_output() -> None:
    done = run("fmt", "-", given=POLICY)
    assert (done.exit_code, done.stdout.count("\n")) == (0, 3)


def test_a_file_that_does_not_parse_stays_as_it_is(tmp_path: Path) -> None:
    bad, good = tmp_path / "a.policy", tmp_path / "b.policy"
    bad.write_text("policy a for { }\n")
    good.write_text(POLICY)
    done = run("fmt", str(bad), str(good))
    assert done.exit_code == 1
    assert "policy-syntax" in done.stderr
    assert (bad.read_text(), good.read_text().count("\n")) == ("policy a for { }\n", 3)


def test_policy_files_are_checked_with_what_they_import(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "who.policy").write_text("let callers = peers app=b\n")
    there = tmp_path / "a.policy"
    there.write_text('import "lib/who.policy"\npolicy a for app=a { allow from $callers }\n')
    done = run("check", str(there))
    assert (done.exit_code, done.stderr) == (0, "1 file: 1 policy, no errors\n")
    (tmp_path / "lib" / "who.policy").unlink()
    done = run("check", str(there))
    assert done.exit_code == 1 and "policy-import" in done.stdout


def test_policies_of_all_languages_are_asked_about_together(tmp_path: Path) -> None:
    there = tmp_path / "a.policy"
    assert run("convert", str(SHOP), "-o", str(there)).exit_code == 0
    inventory = str(SHOP.parent / "inventory.yaml")
    question = ["--inventory", inventory, "--from", "web", "--to", "orders", "--port", "8080", "--http", "GET /orders/7"]
    assert run("why", str(there), *question).exit_code == 0
    assert run("why", str(there), *question[:-1], "DELETE /orders/7").exit_code == 1
