"""One thing that the verifier is known to say: a row of the tables in this folder."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cause:
    """`pattern` is looked for in what the verifier says; its named groups fill the places of `sentence` and `hint`.

    `sentence` says what is wrong in one sentence without its end; `hint` is one imperative sentence for a person who writes typed
    Python. `code` is stable. A group that the verifier may leave out is not used in a sentence.
    """

    code: str
    pattern: str
    sentence: str
    hint: str
