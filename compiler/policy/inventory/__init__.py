"""Who exists: files -> Inventory. People write one form, `kubectl get -o yaml` prints the other; both are read strictly,
since a name that nobody bears or an address with two owners would change who is meant without a word.
"""

from __future__ import annotations

from pybpf.compiler.policy.inventory.codes import PAGES
from pybpf.compiler.policy.inventory.reading import merged, read_inventory
from pybpf.compiler.policy.inventory.shapes import INVENTORY

__all__ = ["INVENTORY", "PAGES", "merged", "read_inventory"]
