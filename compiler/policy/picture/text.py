"""Picture -> lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Final

from pybpf.compiler.policy.picture.drawing import Arrow, Fate, Half, Lane, Picture
from pybpf.compiler.policy.picture.texts import lines, printable, shortened

WIDTH: Final = 100
_LEAST_WIDTH: Final = 50
_SIGNS: Final = {Fate.PASSES: "──▶", Fate.REFUSED: "──✗", Fate.TOLD: "┄┄▶", Fate.LEFT: "──»", Fate.NOTHING: "┄┄┄"}
_SIGN_ROOM: Final = 5  # a sign, with a blank on either side
_OR: Final = "  or"
_INDENT: Final = "    "
_BELOW: Final = "        "


def text(picture: Picture, width: int = WIDTH) -> str:
    """The picture as text, each line of at most `width` letters (50 if that is less) and without blanks at its end."""
    width = max(width, _LEAST_WIDTH)
    drawn = [*lines(picture.title, width), *lines(f"for {picture.subject}", width, "  "), *(line for each in picture.notes for line in lines(each, width, "  "))]
    for name, half in (("ingress", picture.ingress), ("egress", picture.egress)):
        drawn += ["", *_half(name, half, _label(picture.subject, width), width)]
    return "".join(f"{each.rstrip()}\n" for each in drawn)


def _label(subject: str, width: int) -> str:
    """The subject at the end of an arrow; its whole text stands at the top."""
    shown = printable(subject)
    return shown if len(shown) <= width // 3 else "the subject"


def _half(name: str, half: Half, label: str, width: int) -> Iterator[str]:
    """One direction; traffic goes from left to right."""
    yield f"  {name}" + (": this policy says nothing of it" if half.rest is None else "")
    if half.rest is None:
        return
    arrows = (*half.arrows, half.rest)
    room = width - len(_INDENT) - len(label) - _SIGN_ROOM - len(_OR)
    if name == "ingress":
        column = max(len(line) for arrow in arrows for peer in arrow.peers for line in lines(peer, room))
        yield from chain.from_iterable(_arrow(arrow, [_from(peer, arrow.fate, label, room, column) for peer in arrow.peers], width) for arrow in arrows)
    else:
        yield from chain.from_iterable(_arrow(arrow, [_to(peer, arrow.fate, label, room) for peer in arrow.peers], width) for arrow in arrows)


def _from(peer: str, fate: Fate, label: str, room: int, column: int) -> list[str]:
    """The arrow from a peer, under the first line of its text the others."""
    first, *more = lines(peer, room)
    return [f"{_INDENT}{first:<{column}} {_SIGNS[fate]} {label}", *(f"{_INDENT}{each}" for each in more)]


def _to(peer: str, fate: Fate, label: str, room: int) -> list[str]:
    """The arrow to a peer."""
    start = f"{_INDENT}{label} {_SIGNS[fate]} "
    first, *more = lines(peer, room)
    return [start + first, *(" " * len(start) + each for each in more)]


def _arrow(arrow: Arrow, peers: list[list[str]], width: int) -> Iterator[str]:
    """The lines of each peer with a word between two, and below them what is said of all."""
    for each in peers[:-1]:
        yield from (*each[:-1], each[-1] + _OR)
    yield from peers[-1]
    if arrow.said:
        yield from lines(arrow.said, width, _BELOW)
    for lane in arrow.lanes:
        yield from _lane(lane, width)
    for note in arrow.notes:
        yield from lines(note, width, _BELOW)


def _lane(lane: Lane, width: int) -> Iterator[str]:
    yield from lines(f"on {lane.where}", width, _BELOW)
    for each in (*([lane.note] if lane.note else []), *shortened(lane.requests)):
        yield from lines(each, width, f"{_BELOW}  ")
