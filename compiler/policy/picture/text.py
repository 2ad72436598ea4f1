"""Picture -> lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pybpf.compiler.policy.model.policy import Action
from pybpf.compiler.policy.picture.drawing import Arrow, Half, Lane, Picture

MAX_REQUESTS: Final = 8
_SIGNS: Final = {Action.ALLOW: "──▶", Action.DENY: "──✗", Action.PASS: "──»"}
_WORDS: Final = {Action.ALLOW: "", Action.DENY: "denied", Action.PASS: "left to the next tier"}


def text(picture: Picture) -> str:
    """The picture as text, each line without blanks at its end."""
    lines = [picture.title, f"  for {picture.subject}", *(f"  {each}" for each in picture.notes)]
    for name, half in (("ingress", picture.ingress), ("egress", picture.egress)):
        lines += ["", *_half(name, half, picture.subject)]
    return "".join(f"{each.rstrip()}\n" for each in lines)


def _half(name: str, half: Half, subject: str) -> Iterator[str]:
    yield f"  {name}" + (": this policy says nothing of it" if half.rest_passes is None else "")
    if half.rest_passes is None:
        return
    width = max((len(peer) for arrow in half.arrows for peer in arrow.peers), default=0)
    width = min(max(width, len("everything else")), 60)
    for arrow in half.arrows:
        for peer in arrow.peers[:-1]:
            yield _line(name, peer, _SIGNS[arrow.action], subject, width) + "  or"
        yield _line(name, arrow.peers[-1], _SIGNS[arrow.action], subject, width)
        yield from (f"        {each}" for each in _said(arrow))
    yield _line(name, "everything else", _SIGNS[Action.ALLOW if half.rest_passes else Action.DENY], subject, width)


def _line(name: str, peer: str, sign: str, subject: str, width: int) -> str:
    """One arrow: traffic goes from left to right."""
    return f"    {peer:<{width}} {sign} {subject}" if name == "ingress" else f"    {subject} {sign} {peer}"


def _said(arrow: Arrow) -> Iterator[str]:
    """What stands below an arrow."""
    if _WORDS[arrow.action]:
        yield _WORDS[arrow.action]
    for lane in arrow.lanes:
        yield from _lane(lane)
    yield from arrow.notes


def _lane(lane: Lane) -> Iterator[str]:
    yield f"on {lane.where}"
    yield from (f"  {each}" for each in shortened(lane.requests))


def shortened(texts: Sequence[str]) -> list[str]:
    """The texts, and in place of too many their number."""
    if len(texts) <= MAX_REQUESTS:
        return list(texts)
    return [*texts[: MAX_REQUESTS - 1], f"... and {len(texts) - MAX_REQUESTS + 1} more"]
