"""Samples of several contenders, taken in turns -> medians, and ratios to one of them with their spread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles


@dataclass(frozen=True, slots=True)
class Standing:
    """One contender's median, and its ratio to the baseline: the median of the rounds' ratios between their quartiles."""

    name: str
    median: float
    lower: float
    ratio: float
    upper: float


def standings(rounds: Sequence[Mapping[str, float]], baseline: str) -> tuple[Standing, ...]:
    """A standing for each contender in `rounds`, in their order there; every round has a value of each.

    Ratios are taken within each round, so that what slows a whole round does not count.
    """
    return tuple(_standing(rounds, name, baseline) for name in rounds[0])


def _standing(rounds: Sequence[Mapping[str, float]], name: str, baseline: str) -> Standing:
    ratios = [each[name] / each[baseline] for each in rounds]
    lower, middle, upper = quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    return Standing(name, median(each[name] for each in rounds), lower, middle, upper)


def line(unit: str, standing: Standing) -> str:
    """A row for people: the median in its unit, the ratio, and the quartiles in brackets."""
    ratio = f"{standing.ratio:>7.3f} [{standing.lower:.3f} .. {standing.upper:.3f}]"
    return f"{standing.name:<18}{standing.median:>12,.1f} {unit:<14}{ratio}"
