"""What a Resolved means for one flow: the oracle. Slow, plain, obviously right; whatever is fast is tested against it."""

from pybpf.compiler.policy.verdict.allowing import Judge
from pybpf.compiler.policy.verdict.judging import verdict, verdict_of_side

__all__ = ["Judge", "verdict", "verdict_of_side"]
