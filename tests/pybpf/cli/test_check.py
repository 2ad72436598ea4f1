from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from pybpf.cli import main
from pybpf.demo import SCENARIOS

GOOD = (SCENARIOS / "flights" / "read-flights.yaml").read_text().replace("readFlightsRule", "read-flights").replace('"/flights"', r"'/flights(\?.*)?'")


def test_a_good_policy_is_status_0_and_nothing_on_standard_output(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    done = CliRunner().invoke(main, ["check", str(tmp_path)])
    assert (done.exit_code, done.stdout) == (0, "")
    assert "1 file: 1 policy, no errors" in done.stderr


def test_a_warning_is_shown_and_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD.replace("read-flights", "Read_Flights"))
    done = CliRunner().invoke(main, ["check", str(tmp_path)])
    assert done.exit_code == 0
    assert "a.yaml:4:9: warning[lint-object-name]" in done.stdout
    assert "1 policy, no errors, 1 warning" in done.stderr


def test_the_errors_of_all_files_are_shown_in_one_run(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(GOOD.replace("ingress", "ingres"))
    done = CliRunner().invoke(main, ["check", str(tmp_path)])
    assert done.exit_code == 1
    assert f"{tmp_path}/a.yaml:10:3: error[" in done.stdout
    assert f"{tmp_path}/b.yaml:10:3: error[" in done.stdout


def test_standard_input_is_a_dash() -> None:
    done = CliRunner().invoke(main, ["check", "-"], input=GOOD.replace("ingress", "ingres"))
    assert done.exit_code == 1
    assert "<stdin>:10:3" in done.stdout


def test_an_unreadable_file_is_status_2_and_the_others_are_still_checked(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD.replace("ingress", "ingres"))
    done = CliRunner().invoke(main, ["check", str(tmp_path / "none.yaml"), str(tmp_path / "a.yaml")])
    assert done.exit_code == 2
    assert f"pybpf: {tmp_path}/none.yaml: ENOENT" in done.stderr
    assert "a.yaml:10:3" in done.stdout


def test_strict_makes_warnings_a_failure_and_json_has_their_places(tmp_path: Path) -> None:
    there = tmp_path / "a.policy"
    there.write_text("policy a for app=a {\n  allow from app=b on port 80: GET /x\n}\n")
    assert CliRunner().invoke(main, ["check", str(there)]).exit_code == 0
    done = CliRunner().invoke(main, ["check", "--strict", "--json", str(there)])
    assert done.exit_code == 1
    (row,) = json.loads(done.stdout)
    assert (row["code"], row["severity"], row["line"], row["column"], row["end_column"]) == ("lint-path-query", "warning", 2, 36, 38)


def test_an_inventory_says_what_selects_nobody(tmp_path: Path) -> None:
    there, who = tmp_path / "a.policy", tmp_path / "inventory.yaml"
    there.write_text("policy a for app=a { allow from app=b }\n")
    who.write_text("endpoints: [{name: a, namespace: default, labels: {app: a}}]\nnamespaces: {default: {}}\n")
    done = CliRunner().invoke(main, ["check", str(there), "--inventory", str(who)])
    assert done.exit_code == 0 and "a.policy:1:33: warning[lint-selects-nothing]" in done.stdout
