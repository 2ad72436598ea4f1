"""Register -> what it is, in words that need no knowledge of the verifier.

One phrase a register, to be put after "R3 = ". What is not known here is said as the verifier prints it.
"""

from __future__ import annotations

import re

from .registers import Register

_U64_MAX, _S64_MIN, _S64_MAX = (1 << 64) - 1, -(1 << 63), (1 << 63) - 1
_MAYBE = "_or_null"
_VAR_OFF = re.compile(r"\((?P<value>0x[0-9a-f]{1,16}|0); (?P<unknown>0x[0-9a-f]{1,16}|0)\)")
# kind -> what it is
_PLAIN: dict[str, str] = {
    "ctx": "the context",
    "pkt_end": "the end of the packet",
    "flow_keys": "the flow keys of the context",
    "sock": "a socket",
    "sock_common": "a socket, of which only the common fields are known",
    "tcp_sock": "a TCP socket",
    "xdp_sock": "an XDP socket",
    "tp_buffer": "the tracepoint's buffer",
    "arena": "an address in the arena",
    "func": "a function of this program",
    "dynptr_ptr": "a dynptr that a caller passes in",
}
# prefix of a pointer into the kernel's structs -> what may be done with it
_STRUCTS: dict[str, str] = {
    "trusted_ptr_": "that is valid",
    "rcu_ptr_": "that is valid inside the RCU section",
    "untrusted_ptr_": "that may be gone: only reads of its fields are allowed",
    "percpu_ptr_": "of which every CPU has one",
    "ptr_": "that is only good for reading",
}
_SLOT_LETTERS = {"r": "a saved register", "d": "part of a dynptr", "i": "part of an iterator", "f": "part of saved interrupt flags"}


def describe(register: Register) -> str:
    """What `register` holds, as a phrase without an end."""
    kind = register.kind.removesuffix(_MAYBE)
    return _pointed(kind, register) + (", or None" if register.kind.endswith(_MAYBE) else "")


def _pointed(kind: str, register: Register) -> str:
    match kind:
        case "scalar":
            return _number(register)
        case "pkt" | "pkt_meta":
            return _packet("the packet" if kind == "pkt" else "the packet's metadata", register)
        case "fp":
            return _stack(register)
        case "map_ptr":
            return f"the map {_map(register)} itself, not a value of it"
        case "map_value":
            return f"a value of map {_map(register)}{_bytes(register.number('vs'))}{_beyond(register)}"
        case "map_key":
            return f"a key of map {_map(register)}{_bytes(register.number('ks'))}{_beyond(register)}"
        case "mem" | "ringbuf_mem" | "alloc_mem" | "rdonly_mem" | "rdwr_buf" | "rdonly_buf" | "buf":
            return f"{'read-only ' if 'rdonly' in kind else ''}memory{_bytes(register.number('sz'))}{_beyond(register)}"
        case _:
            return _PLAIN.get(kind) or _struct(kind) or _slot(kind) or register.text


def bounds(register: Register) -> tuple[int, int]:
    """(least, greatest) value of a number, as far as they are known; all unsigned 64-bit ones, or signed when it may be negative."""
    value = register.number("value")
    if value is not None:
        return value, value
    least, greatest = register.number("umin"), register.number("umax")
    signed_least, signed_greatest = register.number("smin"), register.number("smax")
    is_negative = signed_least is not None and signed_least < 0
    if greatest is None and is_negative:
        return signed_least or 0, _S64_MAX if signed_greatest is None else signed_greatest
    if greatest is None and signed_least is None and signed_greatest is not None:
        return _S64_MIN, signed_greatest
    least = max(least or 0, signed_least or 0) if not is_negative else least or 0
    candidates = [each for each in (greatest, signed_greatest if signed_least is not None and not is_negative else None) if each is not None]
    return least, min(candidates, default=_U64_MAX)


def _number(register: Register) -> str:
    least, greatest = bounds(register)
    if least == greatest:
        return f"the number {least}"
    if (least, greatest) == (0, _U64_MAX):
        return "any 64-bit number: nothing is known of it"
    if (least, greatest) == (0, (1 << 32) - 1):
        return "any 32-bit number, 0 to 4294967295"
    step = _step(register.facts.get("var_off", ""))
    many = f"a multiple of {step}" if step > 1 else "a number"
    if least < 0:
        low = "any negative one" if least == _S64_MIN else str(least)
        high = "any" if greatest == _S64_MAX else str(greatest)
        return f"{many} from {low} to {high}: it may be negative"
    if greatest == _U64_MAX:
        return f"{many} from {least}, of which no upper bound is known"
    return f"{many} from {least} to {greatest}"


def _step(var_off: str) -> int:
    """The power of two that the number is known to be a multiple of; 1 when nothing is known. At most a page."""
    found = _VAR_OFF.match(var_off)
    bits = int(found["value"], 16) | int(found["unknown"], 16) if found else 1
    return min(bits & -bits, 4096) if bits else 1


def _stack(register: Register) -> str:
    offset = register.facts.get("off", "")
    variable = _variable_part(register)
    return "the end of the stack" if offset == "0" and not variable else f"the stack{f' at {offset}' if offset else ''}{variable}"


def _packet(what: str, register: Register) -> str:
    offset = register.number("off") or 0
    known = (register.number("r") or 0) - offset
    sure = f"{known} bytes are known to be there" if known > 0 else "no byte is known to be there"
    return f"{what}{f' + {offset}' if offset else ''}{_variable_part(register)}; {sure}"


def _variable_part(register: Register) -> str:
    """What was added to a pointer and is not constant."""
    if not {"umax", "smax", "smin", "var_off"} & register.facts.keys():
        return ""
    least, greatest = bounds(register)
    return f" + {least} to {greatest}" if greatest < _S64_MAX and least >= 0 else " + a number without bounds"


def _beyond(register: Register) -> str:
    offset = register.number("off") or 0
    return (f" + {offset}" if offset else "") + _variable_part(register)


def _map(register: Register) -> str:
    name = register.facts.get("map", "")
    return f"'{name}'" if name else "(without a name)"


def _bytes(size: int | None) -> str:
    return "" if size is None else f" ({size} bytes)"


def _struct(kind: str) -> str:
    found = next(((prefix, what) for prefix, what in _STRUCTS.items() if kind.startswith(prefix)), None)
    return f"a kernel struct {kind.removeprefix(found[0])} {found[1]}" if found else ""


def _slot(kind: str) -> str:
    """Eight letters for eight bytes of stack, the highest address first: m and 0 were written, ? was not."""
    if len(kind) != 8 or set(kind) - set("rm0?dif"):
        return ""
    unset = kind.count("?")
    if unset:
        return f"8 bytes of stack, {unset} of which were never set"
    return next((what for letter, what in _SLOT_LETTERS.items() if letter in kind), "8 bytes of stack, all set")
