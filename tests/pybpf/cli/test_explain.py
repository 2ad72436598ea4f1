from __future__ import annotations

import json

from click.testing import CliRunner

from pybpf.cli import main


def test_a_code_is_explained_with_an_example_and_the_remedy() -> None:
    done = CliRunner().invoke(main, ["explain", "policy-duplicate-name"])
    assert done.exit_code == 0
    assert done.stdout.startswith("policy-duplicate-name\n\nTwo documents of one kind")
    assert "Give one of them another name" in done.stdout


def test_a_code_that_is_not_there_is_status_2_with_the_nearest() -> None:
    done = CliRunner().invoke(main, ["explain", "policy-duplicate-names"])
    assert done.exit_code == 2
    assert "did you mean 'policy-duplicate-name'?" in done.stderr


def test_a_key_of_a_file_is_explained() -> None:
    done = CliRunner().invoke(main, ["explain", "spec.egress.toFQDNs"])
    assert done.exit_code == 0 and "matchPattern" in done.stdout
    done = CliRunner().invoke(main, ["explain", "spec.egres"])
    assert done.exit_code == 2 and "did you mean 'egress'?" in done.stderr


def test_a_schema_is_json() -> None:
    done = CliRunner().invoke(main, ["schema", "inventory"])
    assert done.exit_code == 0 and json.loads(done.stdout)["properties"]["endpoints"]
    done = CliRunner().invoke(main, ["schema", "Inventory"])
    assert done.exit_code == 2 and "did you mean 'inventory'?" in done.stderr


def test_pages_and_keys_are_there_for_programs_too() -> None:
    page = json.loads(CliRunner().invoke(main, ["explain", "--json", "lint-denied"]).stdout)
    assert page["code"] == "lint-denied" and set(page) == {"code", "meaning", "example", "remedy"}
    key = json.loads(CliRunner().invoke(main, ["explain", "--json", "spec.ingress.toPorts"]).stdout)
    assert key["key"] == "spec.ingress.toPorts" and key["text"] == CliRunner().invoke(main, ["explain", "spec.ingress.toPorts"]).stdout
