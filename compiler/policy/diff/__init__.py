"""What one set of policies lets pass and another does not: decided on automata and regions, so that no difference is a proof."""

from __future__ import annotations

from pybpf.compiler.policy.diff.differences import Difference as Difference
from pybpf.compiler.policy.diff.differences import differences as differences
from pybpf.compiler.policy.diff.places import Place as Place
from pybpf.compiler.policy.diff.regions import Unproven as Unproven
