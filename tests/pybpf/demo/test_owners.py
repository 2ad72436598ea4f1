from __future__ import annotations

import os
import subprocess
import sys

from pybpf.demo import owners


def token_of_a_child(code: str) -> tuple[str, subprocess.Popen[str]]:
    """The token a child process gives itself, and the child, which then does what `code` says."""
    program = f"from pybpf.demo import owners; print(owners.token(), flush=True); {code}"
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    assert child.stdout is not None
    return child.stdout.readline().strip(), child


def test_the_owner_of_a_token_is_alive_while_its_process_runs() -> None:
    assert owners.is_alive(owners.token())
    token, child = token_of_a_child("input()")
    with child:
        assert owners.is_alive(token)
        child.kill()


def test_an_owner_that_was_killed_is_dead_even_before_its_parent_asks() -> None:
    token, child = token_of_a_child("input()")
    with child:
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not owners.is_alive(token)


def test_a_process_number_that_is_used_again_is_another_owner() -> None:
    space, process, start, random = owners.token().split("-")
    assert not owners.is_alive(f"{space}-{process}-{int(start) - 1}-{random}")


def test_an_owner_that_cannot_be_seen_counts_as_alive() -> None:
    space, _, start, random = owners.token().split("-")
    assert owners.is_alive(f"{int(space) + 1}-999999999-{start}-{random}")


def test_one_process_can_own_two_networks() -> None:
    assert owners.token() != owners.token()
