"""Changes on condition: unless somebody confirms in time, what was enforced before is enforced again.

Who applied may have cut his own way to the host, so a process of its own waits for the deadline and rolls back. It begins before the
change does. Should it be killed, `status` says that the time has run out, and `pybpf rollback` does its work.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from pybpf.enforce import store
from pybpf.enforce.applying import Nothing, carry_out, current
from pybpf.enforce.attachments import Way
from pybpf.enforce.installation import detach_all
from pybpf.enforce.request import Request
from pybpf.enforce.store import State, Unconfirmed

_LOOK_SECONDS: Final = 1.0
_RETRY_SECONDS: Final = 0.1


class Waiting(RuntimeError):
    """What is enforced waits to be confirmed: nothing else can be changed before."""


def check_confirmed(state: State | None) -> None:
    """Raise Waiting while what is enforced waits to be confirmed."""
    if state is not None and state.unconfirmed is not None:
        raise Waiting("what is enforced waits to be confirmed: pybpf confirm, or pybpf rollback")


def carry_out_for_now(folder: Path, state: State | None, request: Request, seconds: int, way: Way | None = None) -> None:
    """Enforce `request`, and what is enforced now again after `seconds` unless `confirm` is called. As carry_out otherwise."""
    unconfirmed = Unconfirmed(current(folder, state), time.monotonic_ns() + seconds * 1_000_000_000)
    guardian = _started(folder, unconfirmed.before_ns)
    try:
        carry_out(folder, state, request, way, unconfirmed)
    except BaseException:
        if not _waits(folder, unconfirmed.before_ns):  # else it may be in force: the guardian alone knows when to take it back
            guardian.kill()
            guardian.wait()
        raise


def confirm(folder: Path) -> None:
    """Keep what is enforced. Under the folder's lock. Raises Nothing when nothing waits for it."""
    _unconfirmed(folder)
    store.write_confirmed(folder)


def roll_back(folder: Path) -> None:
    """Enforce what was enforced before the change that waits to be confirmed. Under the folder's lock; raises Nothing, and as carry_out."""
    state, unconfirmed = _unconfirmed(folder)
    if unconfirmed.previous is None:
        detach_all(folder)
    else:
        carry_out(folder, state, unconfirmed.previous)


def guard(folder: Path, before_ns: int) -> None:
    """Wait until `before_ns` (CLOCK_MONOTONIC) and roll back what waits to be confirmed until then, unless it was. An error is tried again."""
    has_begun, looked_at = False, -1
    while (left_ns := before_ns - time.monotonic_ns()) > 0:
        if (now := store.mark(folder)) != looked_at:
            waits, looked_at = _waits(folder, before_ns), now
            if has_begun and not waits:
                return
            has_begun = has_begun or waits
        time.sleep(min(_LOOK_SECONDS, left_ns / 1e9))
    while not _is_settled(folder, before_ns):
        time.sleep(_RETRY_SECONDS)


def _is_settled(folder: Path, before_ns: int) -> bool:
    """Roll back what still waits, under the lock, which whoever began the change holds until it is in force. False when it must be tried
    again: there is nobody else to do it, whatever went wrong."""
    try:
        with store.locked(folder):
            if _waits(folder, before_ns):
                roll_back(folder)
    except Exception:
        return False
    return True


def _unconfirmed(folder: Path) -> tuple[State, Unconfirmed]:
    state = store.read(folder)
    if state is None or state.unconfirmed is None:
        raise Nothing("nothing waits to be confirmed")
    return state, state.unconfirmed


def _waits(folder: Path, before_ns: int) -> bool:
    """Whether that very change waits to be confirmed."""
    state = store.read(folder)
    return state is not None and state.unconfirmed is not None and state.unconfirmed.before_ns == before_ns


def _started(folder: Path, before_ns: int) -> subprocess.Popen[bytes]:
    """The process that guards."""
    command = [sys.executable, "-P", "-m", "pybpf", "rollback", "--folder", str(folder.absolute()), "--at", str(before_ns)]
    nowhere = subprocess.DEVNULL
    # Nothing of where the command was given may be run in its place: neither the folder (-P, cwd) nor what is found by it.
    return subprocess.Popen(command, stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True, cwd="/")
