"""What a Resolved means for one flow: the oracle. Slow, plain, obviously right; whatever is fast is tested against it."""

from pybpf.compiler.policy.verdict.judging import verdict

__all__ = ["verdict"]
