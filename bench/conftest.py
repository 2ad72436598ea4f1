"""After the benchmarks: the kernel's own figures, one line each, and the standings of the contenders."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """ns per packet of every case that ran; medians and ratios of every measure of real traffic."""
    session = getattr(config, "_benchmarksession", None)
    benchmarks = getattr(session, "benchmarks", [])
    rows = [(each.name, each.extra_info) for each in benchmarks if "ns_per_packet" in each.extra_info]
    if rows:
        terminalreporter.write_line("\nns per packet, as the kernel counts (median, min, least above the floor):")
        for name, info in rows:
            above = f"{info['ns_above_floor']:>7.0f}" if "ns_above_floor" in info else ""
            terminalreporter.write_line(f"  {name:<64} {info['ns_per_packet']:>7.0f} {info['ns_per_packet_min']:>7} {above}")
    for each in benchmarks:
        if "enforced_after_ms" in each.extra_info:
            terminalreporter.write_line("\n{}: enforced after {:.1f} ms (min), {:.1f} ms (median)".format(each.name, *each.extra_info["enforced_after_ms"]))
    compared = [(each.group, each.extra_info["traffic_lines"]) for each in benchmarks if "traffic_lines" in each.extra_info]
    if compared:
        terminalreporter.write_line("\nreal traffic (median, ratio to nothing, its quartiles):")
        for group, lines in compared:
            terminalreporter.write_line(f"  {group}")
            for line in lines:
                terminalreporter.write_line(f"    {line}")
