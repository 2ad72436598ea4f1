"""Policies that change, compiled again at the cost of what has changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pybpf.compiler.diag import CompileError
from pybpf.compiler.lower import Lowered, not_enforced
from pybpf.compiler.lower.keys import Keys
from pybpf.compiler.pipeline import Compilation
from pybpf.compiler.policy.model.inventory import Inventory
from pybpf.compiler.policy.model.policy import Policy
from pybpf.compiler.policy.resolve import Resolver


class Standing:
    """What was compiled last, to go on from. What does not change is told by being the same object."""

    def __init__(self) -> None:
        self._resolver: Resolver | None = None
        self._policies: tuple[Policy, ...] = ()
        self._inventory: Inventory | None = None
        self._keys: Keys | None = None

    def compile(self, policies: Sequence[Policy], inventory: Inventory, serials: Mapping[int, bytes]) -> Compilation:
        """What the kernel needs of these. `serials` are those of all policies by their ids (lower/keys.py). CompileError for what the
        kernel programs do not enforce, InventoryError for an inventory that cannot be; then what was compiled last stays that."""
        known = set(map(id, self._policies))
        if wrong := not_enforced([each for each in policies if id(each) not in known]):
            raise CompileError(wrong)
        if self._resolver is None or self._inventory is not inventory:
            self._resolver = Resolver(policies, inventory)
        else:
            self._resolver.put_policies(policies)
        self._policies, self._inventory = tuple(policies), inventory
        self._keys = Keys(serials, self._keys)
        resolved = self._resolver.resolved
        return Compilation(self._policies, resolved, Lowered(resolved, self._keys))
