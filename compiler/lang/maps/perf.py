"""PerfEventArray: a slot for each CPU, with a perf event to send records through or to read counters from."""

from __future__ import annotations

from pybpf.compiler.lang.context import Context
from pybpf.compiler.lang.helper import helper
from pybpf.compiler.lang.integers import u64
from pybpf.compiler.lang.maps.declaration import U32, Declaration
from pybpf.compiler.lang.maps.facts import MapType
from pybpf.compiler.lang.memory import Struct

MAX_RECORD_OCTETS = 0xFFFF - 8  # a perf sample's header has 16 bits for the size of it all


class CounterValue(Struct, symbol="bpf_perf_event_value"):
    """A hardware or software counter, and for how many nanoseconds its event was enabled, and was running."""

    counter: u64
    enabled: u64
    running: u64


class PerfEventArray(Declaration):
    """BPF_MAP_TYPE_PERF_EVENT_ARRAY with one slot for each CPU that there can be. Since 4.3.

    In CPython `records` has what was sent, and `counters` what a slot's event counts, as tests set it.
    """

    type = MapType.PERF_EVENT_ARRAY

    def __init__(self, max_entries: int) -> None:
        super().__init__(U32, U32, max_entries)
        self.records: list[bytes] = []
        self.counters: dict[int, tuple[int, int, int]] = {}

    @helper(25, "context self 4294967295 record #record", "4.4")
    def output(self, context: Context, record: Struct) -> bool:
        """Send a copy of `record` through the event of this CPU (BPF_F_CURRENT_CPU); False when nobody listens or there is no room."""
        assert type(record).size_bytes <= MAX_RECORD_OCTETS, f"a record has at most {MAX_RECORD_OCTETS} bytes"
        self.records.append(bytes(record))
        return True

    @helper(55, "self index into #into", "4.15")
    def read(self, index: u64, into: CounterValue) -> bool:
        """Read the counter in slot `index`, which must be one of this CPU; False, and the struct zeroed, when there is none."""
        found = self.counters.get(index)
        into.counter, into.enabled, into.running = found or (0, 0, 0)
        return found is not None
