"""`pybpf test` on the shop of examples/policies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pybpf.cli import main

POLICIES = Path(__file__).resolve().parents[3] / "examples" / "policies"


def run(tests: Path, *words: str) -> Result:
    command = ["test", str(POLICIES / "shop"), "--inventory", str(POLICIES / "inventory.yaml"), "--tests", str(tests)]
    return CliRunner().invoke(main, [*command, *words])


def test_the_shop_does_what_its_tests_expect() -> None:
    done = run(POLICIES / "tests.yaml", "--coverage")
    assert (done.exit_code, done.stdout) == (0, f"{POLICIES}/shop/billing.yaml:8:3: no test's verdict is by this rule\n")
    assert done.stderr == "9 tests, none failed\n"


def test_a_test_that_fails_shows_the_way_to_its_verdict(tmp_path: Path) -> None:
    wrong = tmp_path / "tests.yaml"
    wrong.write_text((POLICIES / "tests.yaml").read_text().replace("http: POST /orders, expect: allow", "http: POST /orders, expect: denied"))
    done = run(wrong)
    assert done.exit_code == 1 and done.stderr == "9 tests, 1 failed\n"
    assert "the front end places an order: expected denied, got allow" in done.stdout
    assert "orders.yaml:19:11 (orders): covers the flow" in done.stdout


def test_who_decides_can_be_expected(tmp_path: Path) -> None:
    tests = tmp_path / "tests.yaml"
    tests.write_text("tests:\n- {from: billing, to: orders, port: 8080, expect: denied, by: billing}\n")
    done = run(tests)
    assert done.exit_code == 1 and "expected billing to decide, but it was orders" in done.stdout


def test_results_are_there_for_programs() -> None:
    rows = json.loads(run(POLICIES / "tests.yaml", "--json").stdout)
    assert len(rows) == 9 and all(row["ok"] for row in rows)
    assert rows[2]["got"] == "refuse-request" and rows[2]["direction"] == "ingress"


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (("from: billing", "from: biling"), "did you mean 'billing'?"),
        (("by: orders", "by: order"), "did you mean 'orders'?"),
        (("expect: deny-default", "expect: deny-defualt"), "did you mean 'deny-default'?"),
        (("port: 443, expect: denied, by", "ports: 443, expect: denied, by"), "did you mean 'port'?"),
        (("from: world, to: billing", "from: world, to: host"), "neither end is an endpoint"),
        (("tests:", "test:"), "did you mean 'tests'?"),
    ],
)
def test_what_cannot_be_tested_is_status_2(change: tuple[str, str], part: str, tmp_path: Path) -> None:
    tests = tmp_path / "tests.yaml"
    text = (POLICIES / "tests.yaml").read_text()
    assert change[0] in text
    tests.write_text(text.replace(*change))
    done = run(tests)
    assert done.exit_code == 2 and part in done.stderr
