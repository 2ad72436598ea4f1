"""A place, and what is wrong where one should be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """An interface of the calling thread's network namespace, behind which an endpoint is.

    The pair is what identifies an interface across time: the kernel counts its numbers upwards in each namespace and begins again
    only after 2^31 (dev_index_reserve, net/core/dev.c), so one that was removed and made again under its old name has another number.
    Whoever asks the kernel for a certain number can nevertheless bring a pair back. Renaming makes it another place: find it again.
    """

    interface: str
    interface_index: int


class PlaceError(Exception):
    """What the inventory says of an endpoint's place does not lead to one interface, as things are now.

    `endpoint` is NAMESPACE/NAME. That an interface or namespace is simply not there (yet) is no such error.
    """

    def __init__(self, endpoint: str, message: str, hint: str) -> None:
        self.endpoint = endpoint
        self.message = message
        self.hint = hint
        super().__init__(f"endpoint {endpoint}: {message}\n  hint: {hint}")
