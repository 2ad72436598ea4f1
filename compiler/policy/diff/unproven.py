"""Where nothing can be proved."""

from __future__ import annotations


class Unproven(Exception):
    """Neither a difference nor that there is none can be shown. The message says why, `hint` what would help."""

    def __init__(self, reason: str, hint: str = "give --inventory") -> None:
        super().__init__(reason)
        self.hint = hint
