"""Policy -> what the kernel holds: entries of its maps, and the tables of its L7 programs."""

from pybpf.compiler.lower.enforceable import not_enforced
from pybpf.compiler.lower.entries import EndpointEntry, Entries, Entry, Key, Origin, RuleSet, entries
from pybpf.compiler.lower.http_tables import HttpTables, http_tables

__all__ = ["EndpointEntry", "Entries", "Entry", "HttpTables", "Key", "Origin", "RuleSet", "entries", "http_tables", "not_enforced"]
