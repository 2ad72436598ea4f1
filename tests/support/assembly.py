"""BPF assembly, as the verifier prints it -> ProgramSpec and BTF.

    ; value = table.lookup(key) @ shop.py:12      the line of source of what follows (line info)
    r2 = r10                                      w2 for 32 bits; += -= *= /= |= &= ^= <<= >>= s>>= %=
    r0 = *(u32 *)(r1 +8)     *(u64 *)(r10 -8) = r1 (or a number)     lock *(u64 *)(r1 +0) += r2
    r1 = map[table]     r1 = 0x1122334455667788 ll     r2 = &body (a function's address)
    if r0 == 0 goto none     goto again     none:     call 1 (a helper)     call &body     call kfunc 7     exit
    .raw code dst src offset immediate            any instruction at all

A label that is called or has its address taken begins a function. Not here: byte order, bounds: the tests know what they write.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from pybpf.btf import Btf, Kind, Type, emit
from pybpf.kinds import AttachType, ProgramType
from pybpf.spec import ProgramSpec, Relocation, RelocationKind

# ids of types that every Btf made here has: a map's value with a spin lock, and one with a timer
KEY, LOCKED, TIMED = 1, 4, 8
_SIZES = {"u8": 0x10, "u16": 0x08, "u32": 0x00, "u64": 0x18}
_ALU = {"+=": 0x00, "-=": 0x10, "*=": 0x20, "/=": 0x30, "|=": 0x40, "&=": 0x50, "<<=": 0x60, ">>=": 0x70, "%=": 0x90, "^=": 0xA0, "=": 0xB0, "s>>=": 0xC0}
_JUMPS = {"==": 0x10, ">": 0x20, ">=": 0x30, "&": 0x40, "!=": 0x50, "s>": 0x60, "s>=": 0x70, "<": 0xA0, "<=": 0xB0, "s<": 0xC0, "s<=": 0xD0}
_NUMBER = r"-?(?:0x[0-9a-f]+|\d+)"
_PLACE = r"\*\((?P<size>u\d+) \*\)\(r(?P<base>\d+) (?P<offset>[+-]\d+)\)"
_FORMS = {
    name: re.compile(pattern + r"$")
    for name, pattern in {
        "comment": r"; (?P<text>.*) @ (?P<file>.+):(?P<line>\d+)",
        "label": r"(?P<name>\w+):",
        "raw": r"\.raw (?P<words>.+)",
        "exit": r"exit",
        "map": r"r(?P<to>\d+) = map\[(?P<map>\w+)\]",
        "wide": rf"r(?P<to>\d+) = (?P<number>{_NUMBER}) ll",
        "address": r"r(?P<to>\d+) = &(?P<name>\w+)",
        "load": rf"r(?P<to>\d+) = {_PLACE}",
        "atomic": rf"lock {_PLACE} \+= r(?P<source>\d+)",
        "store": rf"{_PLACE} = (?:r(?P<source>\d+)|(?P<number>{_NUMBER}))",
        "jump": rf"if (?P<kind>[rw])(?P<to>\d+) (?P<sign>\S+) (?:[rw](?P<source>\d+)|(?P<number>{_NUMBER})) goto (?P<name>\w+)",
        "goto": r"goto (?P<name>\w+)",
        "kfunc": r"call kfunc (?P<number>\d+)",
        "function": r"call &(?P<name>\w+)",
        "call": r"call (?P<number>\d+)",
        "alu": rf"(?P<kind>[rw])(?P<to>\d+) (?P<sign>\S*=) (?:[rw](?P<source>\d+)|(?P<number>{_NUMBER}))",
    }.items()
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Assembled:
    """A program, and the types its line info lives in: None when the text has no comments."""

    program: ProgramSpec
    btf: bytes | None


@dataclass(frozen=True, slots=True)
class _Line:
    form: str
    fields: dict[str, str]


def assemble(text: str, program_type: ProgramType, *, name: str = "program", attach_type: AttachType = AttachType.NONE) -> Assembled:
    """The program that `text` spells. ValueError for a line that is none of the forms above."""
    lines = [_read(line.strip()) for line in text.splitlines() if line.strip()]
    labels: dict[str, int] = {}
    comments: list[tuple[int, dict[str, str]]] = []
    code: list[_Line] = []
    position = 0
    for line in lines:
        match line.form:
            case "label":
                labels[line.fields["name"]] = position
            case "comment":
                comments.append((position, line.fields))
            case form:
                code.append(line)
                position += 2 if form in ("map", "wide", "address") else 1
    instructions, relocations, position = b"", [], 0
    for line in code:
        if line.form == "map":
            relocations.append(Relocation(position, RelocationKind.MAP, line.fields["map"]))
        instructions += _encode(line, position, labels)
        position = len(instructions) // 8
    functions = sorted({0} | {labels[line.fields["name"]] for line in code if line.form in ("function", "address")})
    btf, func_info, line_info = _types(functions, comments) if comments else (None, b"", b"")
    spec = ProgramSpec(name, "", program_type, attach_type, instructions, tuple(relocations), func_info, line_info)
    return Assembled(spec, btf)


def _read(line: str) -> _Line:
    for form, pattern in _FORMS.items():
        found = pattern.match(line)
        if found:
            return _Line(form, {name: value for name, value in found.groupdict().items() if value is not None})
    raise ValueError(f"not an instruction: {line!r}")


def _encode(line: _Line, position: int, labels: dict[str, int]) -> bytes:
    """The 8 or 16 bytes of one instruction: code u8, registers (source, destination) 4 bits each, offset s16, immediate s32."""
    fields = line.fields
    to, base, source = int(fields.get("to", 0)), int(fields.get("base", 0)), int(fields.get("source", 0))
    number, offset = int(fields.get("number", "0"), 0), int(fields.get("offset", 0))
    distance = labels.get(fields.get("name", ""), 0) - position - 1
    from_register = 0x08 if "source" in fields else 0
    size = _SIZES.get(fields.get("size", ""), 0)
    wide = 0x07 if fields.get("kind") == "r" else 0x04
    match line.form:
        case "raw":
            code, to, source, offset, number = (int(word, 0) for word in fields["words"].split())
            return _instruction(code, to, source, offset, number)
        case "exit":
            return _instruction(0x95)
        case "map":
            return _instruction(0x18, to, 1) + _instruction(0)
        case "wide":
            return _instruction(0x18, to, 0, 0, number) + _instruction(0, immediate=number >> 32)
        case "address":
            return _instruction(0x18, to, 4, 0, distance) + _instruction(0)
        case "load":
            return _instruction(0x61 | size, to, base, offset)
        case "atomic":
            return _instruction(0xC3 | size, base, source, offset)
        case "store":
            return _instruction((0x63 if from_register else 0x62) | size, base, source, offset, number)
        case "jump":
            code = _JUMPS[fields["sign"]] | from_register | (0x05 if fields["kind"] == "r" else 0x06)
            return _instruction(code, to, source, distance, number)
        case "goto":
            return _instruction(0x05, offset=distance)
        case "kfunc":
            return _instruction(0x85, source=2, immediate=number)
        case "function":
            return _instruction(0x85, source=1, immediate=distance)
        case "call":
            return _instruction(0x85, immediate=number)
        case _:
            return _instruction(_ALU[fields["sign"]] | from_register | wide, to, source, 0, number)


def _instruction(code: int, to: int = 0, source: int = 0, offset: int = 0, immediate: int = 0) -> bytes:
    return struct.pack("<BBhI", code, source << 4 | to, offset, immediate & 0xFFFFFFFF)


def _types(functions: list[int], comments: list[tuple[int, dict[str, str]]]) -> tuple[bytes, bytes, bytes]:
    """(BTF, func_info, line_info): int f(void) for every function, the values with a lock and a timer, a line record for every comment."""
    strings = bytearray(b"\0")

    def string(text: str) -> int:
        strings.extend(text.encode() + b"\0")
        return len(strings) - len(text.encode()) - 1

    types = [
        Type(Kind.INT, string("int"), False, 0, 4, ((1 << 24 | 32,),)),
        Type(Kind.FUNC_PROTO, 0, False, 0, 1),
        Type(Kind.STRUCT, string("bpf_spin_lock"), False, 1, 4, ((string("val"), 1, 0),)),
        Type(Kind.STRUCT, string("locked"), False, 2, 8, ((string("lock"), 3, 0), (string("count"), 1, 32))),
        Type(Kind.INT, string("long"), False, 0, 8, ((64,),)),
        Type(Kind.ARRAY, 0, False, 0, 0, ((5, 1, 2),)),
        Type(Kind.STRUCT, string("bpf_timer"), False, 1, 16, ((string("opaque"), 6, 0),)),
        Type(Kind.STRUCT, string("timed"), False, 1, 16, ((string("timer"), 7, 0),)),
    ]
    first = len(types) + 1
    types += [Type(Kind.FUNC, string(f"function{start}" if start else "main"), False, 0, 2) for start in functions]
    func_info = b"".join(struct.pack("<II", start, first + index) for index, start in enumerate(functions))
    line_info = b"".join(_line_record(at, string(each["file"]), string(each["text"]), int(each["line"])) for at, each in _distinct(comments))
    return emit(Btf((None, *types), bytes(strings))), func_info, line_info


def _line_record(position: int, file: int, text: int, line: int) -> bytes:
    return struct.pack("<IIII", position, file, text, line << 10 | 1)


def _distinct(comments: list[tuple[int, dict[str, str]]]) -> Iterator[tuple[int, dict[str, str]]]:
    """The last comment at each instruction: records must ascend."""
    yield from dict(comments).items()
