"""The maps all programs share. A map's kernel name is its name here."""

from __future__ import annotations

from pybpf.compiler.lang import (
    ArrayMap,
    HashMap,
    LpmTrie,
    LruHashMap,
    MapFlag,
    PerCpuArray,
    ProgramArray,
    u32,
    u64,
)
from pybpf.kernel_progs import abi
from pybpf.kernel_progs.matching import Chunk, Retained, Scratch, Stream

control = ArrayMap(abi.Control, 1, flags=MapFlag.MMAPABLE)
endpoints: HashMap[int, abi.Endpoint] = HashMap(u32, abi.Endpoint, abi.MAX_ENDPOINTS)
addresses = HashMap(abi.Address, abi.Owner, abi.MAX_ADDRESSES, flags=MapFlag.NO_PREALLOC)
networks = LpmTrie(abi.NetworkKey, abi.Network, abi.MAX_NETWORKS)
peers = HashMap(abi.PeerKey, u32, abi.MAX_PEERS, flags=MapFlag.NO_PREALLOC)
pages = ArrayMap(abi.Page, abi.MAX_PAGES)
decisions = ArrayMap(abi.Decision, abi.MAX_DECISIONS)
connections = LruHashMap(abi.ConnectionKey, abi.Connection, abi.MAX_CONNECTIONS)
streams = ArrayMap(Stream, abi.MAX_STREAMS, flags=MapFlag.MMAPABLE)
retained = ArrayMap(Retained, abi.MAX_RETAINED)
incoming = PerCpuArray(Retained, 1)  # bytes of a packet beside those that are retained
fragments = LruHashMap(abi.FragmentKey, abi.Fragmented, abi.MAX_FRAGMENTED)
scratches = PerCpuArray(Scratch, 1)
chunks = PerCpuArray(Chunk, 1)
rule_sets = ProgramArray(abi.MAX_RULE_SETS)  # the L7 program of each rule set
stages = ProgramArray(8)  # the parts of the datapath that are programs of their own
log_head = ArrayMap(abi.LogHead, 1, flags=MapFlag.MMAPABLE)
log = ArrayMap(abi.Event, abi.MAX_EVENTS, flags=MapFlag.MMAPABLE)
log_texts = ArrayMap(abi.Text, abi.MAX_EVENTS, flags=MapFlag.MMAPABLE)
log_replies = ArrayMap(abi.Replied, abi.MAX_EVENTS, flags=MapFlag.MMAPABLE)
beginnings = ArrayMap(abi.Beginning, abi.MAX_STREAMS)
rule_counts = PerCpuArray(abi.RuleCount, abi.MAX_RULES)
endpoint_counts = PerCpuArray(abi.EndpointCount, abi.MAX_ENDPOINTS * 2)
counters = PerCpuArray(u64, abi.COUNTERS)
event_buckets = PerCpuArray(abi.Bucket, abi.COUNTERS)  # of each reason
answer_buckets = PerCpuArray(abi.Bucket, abi.MAX_ENDPOINTS)
