"""What XDP programs send packets to: devices, CPUs, and sockets of user space (net/core/filter.c, xdp_do_redirect).

Packets leave after the program has returned what `redirect` gave it. In CPython `slots` has where each key leads, as
the test set it, and `redirected` the keys that were chosen, in order.
"""

from __future__ import annotations

from pybpf.compiler.lang.helper import helper
from pybpf.compiler.lang.integers import s64, u32
from pybpf.compiler.lang.maps.declaration import U32, Declaration
from pybpf.compiler.lang.maps.facts import MapType
from pybpf.compiler.lang.memory import Struct

XDP_REDIRECT = 4
_ABORTED = 0
_MAX_ACTION = 3  # BPF_F_ACTION_MASK: aborted, drop, pass, tx
EVERYWHERE = -1  # among `redirected`: a packet that was sent to all of them


class DeviceValue(Struct, symbol="bpf_devmap_val"):
    """A device, and the program of type "xdp/devmap" that runs on packets before it sends them (0: none). Since 5.8."""

    interface_index: u32
    program_fd: u32


class CpuValue(Struct, symbol="bpf_cpumap_val"):
    """How many packets wait for a CPU at most, and the program of type "xdp/cpumap" that it runs on them (0: none). Since 5.9."""

    queue_size: u32
    program_fd: u32


class _Targets(Declaration):
    """Places to redirect to, by a u32."""

    def __init__(self, max_entries: int, value: object = u32) -> None:
        super().__init__(U32, value, max_entries)
        if self.value != U32 and self.value not in self._values:
            names = " or ".join(["u32", *(kind.__name__ for kind in self._values)])
            raise TypeError(f"the values of a {type(self).__name__} are {names}, not {value!r}")
        self.slots: dict[int, object] = {}
        self.redirected: list[int] = []

    _values: tuple[type[Struct], ...] = ()

    @helper(51, "self key otherwise", "4.14")
    def redirect(self, key: u32, otherwise: u32) -> s64:
        """XDP_REDIRECT to what is at `key`, or the XDP action `otherwise` (below 4, since 5.3) when nothing is. To be returned."""
        if otherwise > _MAX_ACTION:
            return _ABORTED
        if self.slots.get(key) is None:
            return otherwise
        self.redirected.append(key)
        return XDP_REDIRECT


class _Devices(_Targets):
    """Network devices."""

    _values = (DeviceValue,)

    @helper(51, "self 0 8", "5.14")
    def broadcast(self) -> s64:
        """XDP_REDIRECT to every device of the map (BPF_F_BROADCAST). To be returned."""
        self.redirected.append(EVERYWHERE)
        return XDP_REDIRECT

    @helper(51, "self 0 24", "5.14")
    def broadcast_onward(self) -> s64:
        """XDP_REDIRECT to every device of the map but the one the packet came from (BPF_F_EXCLUDE_INGRESS). To be returned."""
        self.redirected.append(EVERYWHERE)
        return XDP_REDIRECT


class DeviceMap(_Devices):
    """BPF_MAP_TYPE_DEVMAP: devices by index below max_entries; values are interface indexes or DeviceValues. Since 4.14."""

    type = MapType.DEVMAP


class DeviceHash(_Devices):
    """BPF_MAP_TYPE_DEVMAP_HASH: devices by any u32; values are interface indexes or DeviceValues. Since 5.4."""

    type = MapType.DEVMAP_HASH


class CpuMap(_Targets):
    """BPF_MAP_TYPE_CPUMAP: CPUs that go on with a packet; values are queue sizes or CpuValues. Since 4.15."""

    type = MapType.CPUMAP
    _values = (CpuValue,)


class XskMap(_Targets):
    """BPF_MAP_TYPE_XSKMAP: AF_XDP sockets, which must be bound to the queue that the packet came from. Since 4.18."""

    type = MapType.XSKMAP

    def __init__(self, max_entries: int) -> None:
        super().__init__(max_entries)
