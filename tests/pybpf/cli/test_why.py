"""`pybpf why` on the shop of examples/policies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pybpf.cli import main

POLICIES = Path(__file__).resolve().parents[3] / "examples" / "policies"
WHO = ["--inventory", str(POLICIES / "inventory.yaml")]


def why(*words: str) -> Result:
    return CliRunner().invoke(main, ["why", str(POLICIES / "shop"), *WHO, *words])


# What is asked, the exit status, and a part of what is printed.
ASKED = [
    ("--from web --to orders --port 8080 --http|GET /orders/7", 0, "orders.yaml:18:11 (orders)"),
    ("--from web --to orders --port 8080 --http|DELETE /orders/7", 1, "refuse-request by"),
    ("--from web --to orders --port 8080 --http|GET /orders/x", 1, "is for another path"),
    ("--from shop/web --to orders --port 8080", 1, "inspect"),
    ("--from web --to dns --port 53/udp --dns api.pay.example", 0, "web-egress.yaml:25:25"),
    ("--from web --to dns --port 53/udp --dns other.example", 1, "seen as refused"),
    ("--from web --to 203.0.113.9=api.pay.example --port 443", 0, "web-egress.yaml:29:7"),
    ("--from web --to 203.0.113.9 --port 443", 1, "deny-default"),
    ("--from web --to world --port 443", 1, "deny-default"),
    ("--from billing --to orders --port 8080", 1, "egress: allow: no policy selects this side"),
    ("--from 10.0.0.10 --to 10.0.0.20 --port 8080 --http|POST /orders", 0, "it passes"),
    ("--from host --to billing --port 1", 0, "the local host reaches its endpoints"),
    ("--from world --to billing --icmp echo-request", 1, "billing.yaml"),
    ("--from orders --to dns --icmp icmpv6/128", 0, "it passes"),
]


@pytest.mark.parametrize(("words", "status", "part"), ASKED)
def test_a_flow_is_judged_at_both_ends(words: str, status: int, part: str) -> None:
    plain, _, request = words.partition("|")
    done = why(*plain.split(), *([request] if request else []))
    assert (done.exit_code, done.stderr) == (status, "")
    assert part in done.stdout


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("--from wep --to orders --port 80", "did you mean 'web'?"),
        ("--from web --to orders", "--port 80"),
        ("--from web --to orders --port 70000", "is no port"),
        ("--from web --to orders --port 80/tpc", "is no port"),
        ("--from web --to orders --port 80 --http GET", "is no request"),
        ("--from web --to orders --port 80 --host a", "belong to --http"),
        ("--from web --to orders --port 80 --dns a --kafka 0", "one kind of request"),
        ("--from web --to orders --icmp 300", "no ICMP type"),
        ("--from web --to dns --port 53/sctp --dns a", "does not come over"),
        ("--from world --to 8.8.8.8 --port 80", "neither end is an endpoint"),
    ],
)
def test_what_is_not_understood_is_status_2_and_one_line(words: str, part: str) -> None:
    done = why(*words.split())
    assert (done.exit_code, done.stdout) == (2, "")
    assert part in done.stderr and len(done.stderr.splitlines()) == 1


def test_all_of_it_is_there_for_programs() -> None:
    done = why("--from", "web", "--to", "orders", "--port", "8080", "--http", "POST /orders", "--json")
    answer = json.loads(done.stdout)
    assert answer["allowed"] and [side["direction"] for side in answer["sides"]] == ["egress", "ingress"]
    assert answer["sides"][1]["policy"] == "orders" and answer["sides"][1]["rule"].endswith("orders.yaml:19:11")


def test_nothing_is_said_of_files_with_errors(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text((POLICIES / "shop" / "orders.yaml").read_text().replace("ingress", "ingres"))
    done = CliRunner().invoke(main, ["why", str(wrong), *WHO, "--from", "web", "--to", "orders", "--port", "1"])
    assert done.exit_code == 2 and "unknown key 'ingres'" in done.stderr
