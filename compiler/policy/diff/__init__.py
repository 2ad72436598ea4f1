"""What one set of policies lets pass and another does not: decided on automata and regions, so that no difference is a proof."""

from pybpf.compiler.policy.diff.comparing import Change as Change
from pybpf.compiler.policy.diff.comparing import Difference as Difference
from pybpf.compiler.policy.diff.differences import changes as changes
from pybpf.compiler.policy.diff.differences import differences as differences
from pybpf.compiler.policy.diff.places import Place as Place
from pybpf.compiler.policy.diff.population import Stated as Stated
from pybpf.compiler.policy.diff.unproven import Unproven as Unproven
