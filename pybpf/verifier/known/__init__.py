"""What the verifier is known to say, and what it means: one table for each field, searched by `explain`."""

from .cause import Cause
from .table import TABLE, UNKNOWN, Explanation, explain

__all__ = ["TABLE", "UNKNOWN", "Cause", "Explanation", "explain"]
