"""After the benchmarks: the kernel's own figures, one line each."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """ns per packet of every case that ran."""
    session = getattr(config, "_benchmarksession", None)
    rows = [(each.name, each.extra_info) for each in getattr(session, "benchmarks", []) if "ns_per_packet" in each.extra_info]
    if rows:
        terminalreporter.write_line("\nns per packet, as the kernel counts (median, min):")
        for name, info in rows:
            terminalreporter.write_line(f"  {name:<42} {info['ns_per_packet']:>7.0f} {info['ns_per_packet_min']:>7}")
