"""A resolved side -> its key: equal keys mean that the kernel searches the same.

A policy counts by its serial, which says which text it is: whoever keeps serials keeps them with the very policies they were given to,
and a policy without one gets a serial that nothing else has, so that what is not known to be the same counts as another.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from types import MappingProxyType
from typing import Final

from pybpf.compiler.policy.model.policy import Direction, Policy
from pybpf.compiler.policy.model.ports import IcmpType
from pybpf.compiler.policy.model.resolved import Entry, PeerSet, Side

KEY_BYTES: Final = 16
SERIAL_BYTES: Final = 8
NO_SERIALS: Final[Mapping[int, bytes]] = MappingProxyType({})


def new_serial() -> bytes:
    """A serial that no other policy has, ever: by chance."""
    return os.urandom(SERIAL_BYTES)


class Keys:
    """Makes keys of the sides of one Resolved. `serials` are those of its policies by their ids; `before` are the keys of a moment
    before, whose sides, where they are still the same objects, keep theirs."""

    def __init__(self, serials: Mapping[int, bytes] = NO_SERIALS, before: Keys | None = None) -> None:
        self._serials = dict(serials)
        # By ids, each with what it is the id of: as long as that lives it is the id of nothing else.
        self._of_peers: dict[int, tuple[PeerSet, bytes]] = {}
        self._of_sides: dict[tuple[int, Direction, bool], tuple[Side, bytes]] = {}
        self._unnumbered: list[Policy] = []
        self._before = before._of_sides if before is not None else {}

    def of(self, side: Side, direction: Direction, audit: bool) -> bytes:
        """The key of a side of an endpoint that is in audit or not."""
        name = id(side), direction, audit
        if name not in self._of_sides:
            self._of_sides[name] = self._before.get(name) or (side, blake2b(b"".join(self._parts(side, direction, audit)), digest_size=KEY_BYTES).digest())
        return self._of_sides[name][1]

    def _parts(self, side: Side, direction: Direction, audit: bool) -> Iterator[bytes]:
        """All that a side is made of, each part of a known length or led by it."""
        selecting = b"".join(map(self._serial, side.selected_by))
        yield b"%s %d %d %d %d %d|" % (direction.value.encode(), audit, side.enforced, side.default_deny, len(side.selected_by), len(side.entries))
        yield selecting
        yield self._serial(side.origin) if side.origin is not None else bytes(SERIAL_BYTES)
        for entry in side.entries:
            yield from self._entry(entry)

    def _entry(self, entry: Entry) -> Iterator[bytes]:
        """An entry by the place of its rule in its policy, and by what was resolved for it."""
        policy, rule = entry.policy, entry.rule
        if policy is None or rule is None:
            yield b"setting %d|" % len(entry.reason.encode()) + entry.reason.encode()
            place = part = -1
        else:
            place = next(index for index, each in enumerate(policy.rules) if each is rule)
            part = next((index for index, each in enumerate(rule.port_rules or ()) if each is entry.port_rule), -1)
            yield self._serial(policy)
        ports = [(1, each.protocol, each.number, 0) if isinstance(each, IcmpType) else (0, each.protocol, each.first, each.last) for each in entry.ports or ()]
        numbers = array("i", [place, part, -1 if entry.ports is None else len(ports), *(int(number) for each in ports for number in each)])
        yield b"%d|" % len(numbers) + numbers.tobytes()
        yield self._peers(entry.peers)

    def _peers(self, peers: PeerSet) -> bytes:
        if id(peers) not in self._of_peers:
            numbers = array("I", sorted(peers.identities)).tobytes() if peers.identities is not None else b"anybody"
            names = repr(peers.names).encode()
            self._of_peers[id(peers)] = peers, blake2b(b"%d|%s%s" % (len(numbers), numbers, names), digest_size=KEY_BYTES).digest()
        return self._of_peers[id(peers)][1]

    def _serial(self, policy: Policy) -> bytes:
        if id(policy) not in self._serials:
            self._unnumbered.append(policy)
            self._serials[id(policy)] = new_serial()
        return self._serials[id(policy)]
