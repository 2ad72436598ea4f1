"""The maps all programs share. A map's kernel name is its name here."""

from __future__ import annotations

from typing import Final

from pybpf.compiler.lang import HashMap, LpmTrie, LruHashMap, PerCpuArray, ProgramArray, RingBuffer, u32
from pybpf.kernel_progs.abi import (
    EVENTS_BYTES,
    MAX_CONNECTIONS,
    MAX_ENDPOINTS,
    MAX_IDENTITIES,
    MAX_POLICY_ENTRIES,
    MAX_RULE_SETS,
    AddressKey,
    Chunk,
    Connection,
    ConnectionKey,
    Endpoint,
    Identity,
    PolicyEntry,
    PolicyKey,
    Scratch,
)

STAGE_REFUSE: Final = 0

endpoints: HashMap[int, Endpoint] = HashMap(u32, Endpoint, MAX_ENDPOINTS)
identities = LpmTrie(AddressKey, Identity, MAX_IDENTITIES)
policies = HashMap(PolicyKey, PolicyEntry, MAX_POLICY_ENTRIES)
connections = LruHashMap(ConnectionKey, Connection, MAX_CONNECTIONS)
scratches = PerCpuArray(Scratch, 1)
chunks = PerCpuArray(Chunk, 1)
rule_sets = ProgramArray(MAX_RULE_SETS)  # the L7 program of each rule set
stages = ProgramArray(4)  # the parts of the datapath that are programs of their own
events = RingBuffer(EVENTS_BYTES)
