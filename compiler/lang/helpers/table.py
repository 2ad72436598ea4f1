"""The table of kernel helpers: every row that a module or a context's class of this package declares."""

from __future__ import annotations

from functools import cache
from types import ModuleType

from pybpf.compiler.lang.context import Context
from pybpf.compiler.lang.helper import Helper, helper_of
from pybpf.compiler.lang.helpers import (
    checksums,
    clocks,
    of_skb,
    of_socket_programs,
    of_tracing,
    of_xdp,
    probes,
    processes,
    redirects,
    sockets,
    strings,
)

_MODULES: tuple[ModuleType, ...] = (checksums, clocks, of_tracing, probes, processes, redirects, sockets, strings)
_CONTEXTS: tuple[type[Context], ...] = (
    of_skb.SkbMethods,
    of_socket_programs.SkLookupMethods,
    of_socket_programs.SkMsgMethods,
    of_socket_programs.SockAddrMethods,
    of_socket_programs.SockMethods,
    of_socket_programs.SockOpsMethods,
    of_tracing.PerfEventMethods,
    of_xdp.XdpMethods,
)


@cache
def rows() -> tuple[Helper, ...]:
    """Every helper of these modules and of the contexts' methods, by number and then by name. Those of maps are theirs."""
    found = {helper for module in _MODULES for member in vars(module).values() if (helper := helper_of(member)) is not None}
    for context in _CONTEXTS:
        found |= {helper for name in dir(context) if (helper := helper_of(getattr(context, name))) is not None}
    return tuple(sorted(found, key=lambda helper: (helper.number, helper.name)))
