"""SocketMap and SocketHash: sockets that packets and messages are redirected to, past the network stack (net/core/sock_map.c).

In CPython `slots` has the sockets by key, and `redirected` which key was chosen and in what direction.
"""

from __future__ import annotations

from typing import Generic, overload

from pybpf.compiler.lang.context import Context
from pybpf.compiler.lang.helper import helper
from pybpf.compiler.lang.integers import s64, u32, u64
from pybpf.compiler.lang.maps.declaration import U32, Declaration
from pybpf.compiler.lang.maps.facts import Direction, MapType, UpdatePolicy
from pybpf.compiler.lang.maps.parameters import K
from pybpf.compiler.lang.maps.table import encoded
from pybpf.compiler.lang.objects import Socket

DROP, PASS = 0, 1  # enum sk_action
_KeyType = type[K]  # for use in a class whose own `type` is the map's


class _Sockets(Declaration, Generic[K]):
    """What both maps of sockets share. Values are u64: what user space reads of a socket is its cookie."""

    def __init__(self, key: object, max_entries: int) -> None:
        super().__init__(key, u64, max_entries)
        if self.key is None:
            raise TypeError(f"a {type(self).__name__} has keys: None is no type of one")
        self.slots: dict[bytes, Socket] = {}
        self.redirected: list[tuple[object, Direction]] = []

    @helper(1, "self key", "5.8", takes_packet=True, acquires=True)
    def lookup(self, key: K) -> Socket | None:
        """The socket at `key`, or None. It is held: every way on must release it."""
        return self.slots.get(encoded(self.key, key))

    @helper(3, "self key", "5.8", takes_packet=True)
    def delete(self, key: K) -> bool:
        """Remove the socket at `key` from the map; False when there was none.

        Not in "sk_skb" and "sk_msg" programs (may_update_sockmap, kernel/bpf/verifier.c).
        """
        return self.slots.pop(encoded(self.key, key), None) is not None

    def put(self, key: K, socket: Socket) -> None:
        """What user space does: set the socket at `key`. Raises ValueError when there is no room; for tests."""
        if not self._set(key, socket, UpdatePolicy.ANY):
            raise ValueError(f"there is no place for {key!r} among {self.max_entries} entries")

    def __contains__(self, key: K) -> bool:
        return encoded(self.key, key) in self.slots

    def __len__(self) -> int:
        return len(self.slots)

    def __bool__(self) -> bool:
        return True

    def _set(self, key: K, socket: Socket, policy: UpdatePolicy) -> bool:
        name = encoded(self.key, key)
        is_there = name in self.slots
        if policy != UpdatePolicy.ANY and is_there != (policy == UpdatePolicy.EXIST):  # the interpreter gives plain numbers
            return False
        if not is_there and not self._has_place(name):
            return False
        self.slots[name] = socket
        return True

    def _has_place(self, name: bytes) -> bool:
        return len(self.slots) < self.max_entries

    def _chosen(self, key: object, direction: Direction) -> int:
        if encoded(self.key, key) not in self.slots:
            return DROP
        self.redirected.append((key, direction))
        return PASS


class SocketMap(_Sockets[K]):
    """BPF_MAP_TYPE_SOCKMAP: sockets by index below max_entries. Since 4.14."""

    type = MapType.SOCKMAP

    def __init__(self, max_entries: int) -> None:
        super().__init__(U32, max_entries)

    @helper(53, "context self key 0", "4.14", takes_packet=True)
    def update(self, context: Context, key: K) -> bool:
        """Put the socket that a "sockops" program runs for at `key`."""
        return self._set(key, Socket(), UpdatePolicy.ANY)

    @helper(53, "context self key policy", "4.14", takes_packet=True)
    def update_if(self, context: Context, key: K, policy: UpdatePolicy) -> bool:
        """Put the socket that a "sockops" program runs for at `key`, if there is one (EXIST) or none (NOEXIST)."""
        return self._set(key, Socket(), policy)

    @helper(52, "packet self key direction", "4.14")
    def redirect_packet(self, packet: Context, key: u32, direction: Direction) -> s64:
        """PASS, and the packet of an "sk_skb" program goes to the socket at `key`; DROP when there is none. To be returned."""
        return self._chosen(key, direction)

    @helper(60, "message self key direction", "4.17")
    def redirect_message(self, message: Context, key: u32, direction: Direction) -> s64:
        """PASS, and the message of an "sk_msg" program goes to the socket at `key`; DROP when there is none. To be returned."""
        return self._chosen(key, direction)

    def _has_place(self, name: bytes) -> bool:
        return int.from_bytes(name, "little") < self.max_entries


class SocketHash(_Sockets[K]):
    """BPF_MAP_TYPE_SOCKHASH: sockets by key. Since 4.18."""

    type = MapType.SOCKHASH

    @overload
    def __init__(self, key: _KeyType[K], max_entries: int) -> None: ...

    @overload
    def __init__(self, key: object, max_entries: int) -> None: ...

    def __init__(self, key: object, max_entries: int) -> None:
        super().__init__(key, max_entries)

    @helper(70, "context self key 0", "4.18", takes_packet=True)
    def update(self, context: Context, key: K) -> bool:
        """Put the socket that a "sockops" program runs for at `key`."""
        return self._set(key, Socket(), UpdatePolicy.ANY)

    @helper(70, "context self key policy", "4.18", takes_packet=True)
    def update_if(self, context: Context, key: K, policy: UpdatePolicy) -> bool:
        """Put the socket that a "sockops" program runs for at `key`, if there is one (EXIST) or none (NOEXIST)."""
        return self._set(key, Socket(), policy)

    @helper(72, "packet self key direction", "4.18")
    def redirect_packet(self, packet: Context, key: K, direction: Direction) -> s64:
        """PASS, and the packet of an "sk_skb" program goes to the socket at `key`; DROP when there is none. To be returned."""
        return self._chosen(key, direction)

    @helper(71, "message self key direction", "4.18")
    def redirect_message(self, message: Context, key: K, direction: Direction) -> s64:
        """PASS, and the message of an "sk_msg" program goes to the socket at `key`; DROP when there is none. To be returned."""
        return self._chosen(key, direction)
