"""The strict grammar of HTTP/1.1 requests, as trees of bytes (RFC 9112, RFC 9110, RFC 3986).

A matcher is not a server: it accepts the subset on which all servers agree and refuses the rest, so that an
attacker and a server cannot read a request differently from the policy. Each narrowing is written at its line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from pybpf.compiler.automata import (
    ALPHA,
    ALPHANUMERIC,
    DIGIT,
    HEX_DIGIT,
    UPPER,
    ByteSet,
    Empty,
    Literal,
    OneOf,
    Pattern,
    Repeat,
    byte_range,
    bytes_of,
    choice,
    marked,
    optional,
    sequence,
)

CRLF = Literal(b"\r\n")  # never a bare LF or CR
SPACE = Literal(b" ")  # exactly one between the parts
VERSION = Literal(b"HTTP/1.1")  # 1.0 has other framing, 2.0 as text is a trick
TOKEN = ALPHANUMERIC | bytes_of(b"!#$%&'*+-.^_`|~")  # RFC 9110 section 5.6.2
VALUE = byte_range(0x20, 0x7E) | byte_range(0x80, 0xFF) | bytes_of(b"\t")  # no control character
SPACES = Repeat(OneOf(bytes_of(b" ")), 0)  # before a value that counts; none behind it, and no TAB: for llhttp they are part of it
RETURN = Literal(b"\r")

UNRESERVED = ALPHANUMERIC | bytes_of(b"-._~")
# RFC 3986 pchar without ';': servers cut path parameters off before they route.
SEGMENT = UNRESERVED | bytes_of(b"!$&'()*+,=:@")
QUERY = UNRESERVED | bytes_of(b"!$&'()*+,;=:@/?")
METHOD = UPPER | bytes_of(b"-")  # a method is never folded: servers that know "get" take it for another one
MAX_METHOD_BYTES = 16
REFUSED_METHODS = (b"CONNECT", b"PRI")  # behind them servers read a tunnel (RFC 9110 section 9.3.6), or HTTP/2 (RFC 9113 section 3.4)
MAX_LENGTH_DIGITS = 15
MAX_SIZE_DIGITS = 8

# Escapes that have one meaning only: not of unreserved characters (two spellings of one path), not of
# '/', '\', '%', ';', '.', control characters, and no byte that UTF-8 never has.
_ESCAPABLE = ~(
    UNRESERVED | bytes_of(b"%/\\;") | byte_range(0x00, 0x1F) | bytes_of(b"\x7f\xc0\xc1") | byte_range(0xF5, 0xFF)
)

# Headers that change how a request is framed, routed or which method it means. Their '-' may not be written '_',
# for gateways fold the two. Those with no value here are refused whole.
REFUSED_NAMES = (
    b"upgrade", b"http2-settings", b"proxy-connection", b"keep-alive", b"trailer",
    b"x-http-method-override", b"x-http-method", b"x-method-override", b"x-original-url", b"x-rewrite-url",
)  # fmt: skip
FRAMING_NAMES = (b"content-length", b"transfer-encoding", b"connection", b"expect")
HOST_NAME = b"host"


class Mark(IntEnum):
    """The landmarks of the grammar. What rules add (request lines, names, values) counts up from RULES."""

    STRICT = 1  # the end of a strict request line
    HOST = 2  # behind "host:"
    LENGTH = 3  # behind "content-length:"
    DIGIT = 4  # behind each digit of its value
    CODING = 5  # behind "transfer-encoding:"
    CLOSE = 6  # behind the connection option "close"
    END = 7  # behind the empty line
    CHUNK_DIGIT = 8  # behind each digit of a chunk's size
    CHUNK_OCTETS = 9  # behind the line of a size that is not 0
    CHUNK_END = 10  # behind the last line of a chunked body
    UPGRADE = 11  # behind "upgrade: websocket"
    STATUS = 12  # behind each digit of a reply's status
    STATUS_LINE = 13  # behind a reply's first line
    REPLY_END = 14  # behind the empty line of its head
    RULES = 16


@dataclass(frozen=True, slots=True)
class Field:
    """A header line that rules look at: its name in lower case, the mark behind its colon, and what its value may be, marked at the
    CR behind it."""

    name: bytes
    mark: int
    value: Pattern


def strict_line() -> Pattern:
    """METHOD SP target SP HTTP/1.1 CRLF, with Mark.STRICT at its end."""
    return marked(sequence(method(), SPACE, target(), SPACE, VERSION, CRLF), Mark.STRICT)


def target() -> Pattern:
    """Origin form only: no empty segment but the last, no '.' or '..', nothing that could be decoded twice."""
    plain = choice(OneOf(SEGMENT - bytes_of(b".")), escapes(_ESCAPABLE))
    any_char = choice(OneOf(SEGMENT), escapes(_ESCAPABLE))
    rest = Repeat(any_char, 0)
    dot = Literal(b".")
    segment = choice(sequence(plain, rest), sequence(dot, plain, rest), sequence(dot, dot, any_char, rest))
    slash = Literal(b"/")
    path = choice(slash, sequence(Repeat(sequence(slash, segment), 1), optional(slash)))
    query = sequence(Literal(b"?"), Repeat(choice(OneOf(QUERY), escapes(~ByteSet(0))), 0))
    return sequence(path, optional(query))


def escapes(members: ByteSet) -> Pattern:
    """%HH for every byte of `members`, hexadecimal digits in either case."""
    by_high: dict[int, set[int]] = {}
    for byte in members:
        by_high.setdefault(byte >> 4, set()).add(byte & 15)
    return choice(
        *(sequence(Literal(b"%"), OneOf(_hexadecimal({high})), OneOf(_hexadecimal(lows))) for high, lows in sorted(by_high.items()))
    )


def headers(fields: Sequence[Field], extra: Sequence[Pattern] = (), options: Sequence[bytes] = ()) -> Pattern:
    """The header section up to and with its empty line. `fields` are those that rules look at; one of them may be Host. `extra` are lines
    up to their CR, and `options` those of Connection, that there may be beside the usual ones."""
    named = [field.name for field in fields]
    lines = [
        sequence(name(b"content-length"), marked(Literal(b":"), Mark.LENGTH), SPACES, _length(), RETURN),
        sequence(name(b"transfer-encoding"), marked(Literal(b":"), Mark.CODING), SPACES, name(b"chunked"), RETURN),
        sequence(name(b"connection"), Literal(b":"), SPACES, _options(options), RETURN),
        sequence(name(b"expect"), Literal(b":"), SPACES, name(b"100-continue"), RETURN),
        sequence(other_names((HOST_NAME, *FRAMING_NAMES, *REFUSED_NAMES, *named)), Literal(b":"), Repeat(OneOf(VALUE), 0), RETURN),
    ]
    if HOST_NAME not in named:
        lines.append(sequence(name(HOST_NAME), marked(Literal(b":"), Mark.HOST), SPACES, host(), RETURN))
    lines += extra
    lines += [sequence(name(field.name), marked(Literal(b":"), field.mark), SPACES, field.value) for field in fields]
    return sequence(Repeat(sequence(choice(*lines), Literal(b"\n")), 0), marked(CRLF, Mark.END))


def websocket() -> Pattern:
    """The line that asks for WebSocket (RFC 6455 section 4.1), up to its CR."""
    return sequence(name(b"upgrade"), Literal(b":"), SPACES, name(b"websocket"), marked(RETURN, Mark.UPGRADE))


def reply_head() -> Pattern:
    """The head of a reply, by HTTP/1.1 or 1.0. It frames a body that nobody judges, so what stands in it may be what servers like."""
    blanks = Repeat(OneOf(bytes_of(b" \t")), 0)
    digit = marked(OneOf(DIGIT), Mark.STATUS)
    text = Repeat(OneOf(VALUE), 0)
    line = sequence(Literal(b"HTTP/1."), OneOf(bytes_of(b"01")), SPACE, digit, digit, digit, optional(sequence(SPACE, text)), marked(CRLF, Mark.STATUS_LINE))
    lines = [
        sequence(name(b"content-length"), marked(Literal(b":"), Mark.LENGTH), blanks, _length(), blanks, RETURN),
        sequence(name(b"transfer-encoding"), marked(Literal(b":"), Mark.CODING), blanks, name(b"chunked"), blanks, RETURN),
        sequence(other_names((b"content-length", b"transfer-encoding")), Literal(b":"), text, RETURN),
    ]
    return sequence(line, Repeat(sequence(choice(*lines), Literal(b"\n")), 0), marked(CRLF, Mark.REPLY_END))


def chunked_body() -> Pattern:
    """The framing of a chunked body, the octets of the chunks left out: sizes of up to eight digits without leading zeros, no extensions,
    no trailers (RFC 9112 section 7.1)."""
    first = marked(OneOf(HEX_DIGIT - bytes_of(b"0")), Mark.CHUNK_DIGIT)
    more = Repeat(marked(OneOf(HEX_DIGIT), Mark.CHUNK_DIGIT), 0, MAX_SIZE_DIGITS - 1)
    chunk = sequence(first, more, marked(CRLF, Mark.CHUNK_OCTETS), CRLF)
    return sequence(Repeat(chunk, 0), Literal(b"0"), CRLF, marked(CRLF, Mark.CHUNK_END))


def name(text: bytes) -> Pattern:
    """`text` in any case."""
    return sequence(*(OneOf(_either_case(byte)) for byte in text))


def other_names(words: tuple[bytes, ...]) -> Pattern:
    """Every token that is none of `words`, whatever the case, and with '_' for '-' too."""
    return _not_of(frozenset(words), TOKEN, _folded)


def method() -> Pattern:
    """Every method but those that make something other of the connection than a sequence of requests."""
    return _not_of(frozenset(REFUSED_METHODS), METHOD, lambda byte: ByteSet(1 << byte), MAX_METHOD_BYTES)


def _not_of(words: frozenset[bytes], letters: ByteSet, alike: Callable[[int], ByteSet], most: int | None = None, at: int = 0) -> Pattern:
    """Words of `letters`, at most `most` of them, that are not in `words`: the first byte leads away from all of them, or on to fewer.
    `at` is how many stand before it."""
    following = {word[:1] for word in words if word}
    leading = ByteSet(0)
    ways: list[Pattern] = [] if at == 0 or b"" in words else [Empty()]
    for first in sorted(following):
        members = alike(first[0])
        leading |= members
        rest = frozenset(word[1:] for word in words if word[:1] == first)
        ways.append(sequence(OneOf(members), _not_of(rest, letters, alike, most, at + 1)))
    ways.append(sequence(OneOf(letters - leading), Repeat(OneOf(letters), 0, None if most is None else most - at - 1)))
    return choice(*ways)


def host() -> Pattern:
    """A name or address and perhaps a port; no user part, no trailing dot."""
    inner = ALPHANUMERIC | bytes_of(b"-_")
    registered = sequence(Repeat(sequence(Repeat(OneOf(inner), 1), Literal(b".")), 0), Repeat(OneOf(inner), 1))
    literal = sequence(Literal(b"["), Repeat(OneOf(HEX_DIGIT | bytes_of(b":.")), 1), Literal(b"]"))
    port = sequence(Literal(b":"), Repeat(OneOf(DIGIT), 1, 5))
    return sequence(choice(registered, literal), optional(port))


def _length() -> Pattern:
    """0, or up to fifteen digits without a leading zero: no number a server could overflow on."""
    first = marked(OneOf(DIGIT - bytes_of(b"0")), Mark.DIGIT)
    more = Repeat(marked(OneOf(DIGIT), Mark.DIGIT), 0, MAX_LENGTH_DIGITS - 1)
    return choice(marked(Literal(b"0"), Mark.DIGIT), sequence(first, more))


def _options(more: Sequence[bytes]) -> Pattern:
    """Connection options that name no header to be removed on the way."""
    option = choice(name(b"keep-alive"), marked(name(b"close"), Mark.CLOSE), name(b"te"), *map(name, more))
    return sequence(option, Repeat(sequence(SPACES, Literal(b","), SPACES, option), 0))


def _either_case(byte: int) -> ByteSet:
    character = bytes([byte])
    return bytes_of(character.lower() + character.upper()) if byte in ALPHA else bytes_of(character)


def _folded(byte: int) -> ByteSet:
    return bytes_of(b"-_") if byte == ord("-") else _either_case(byte)


def _hexadecimal(digits: set[int]) -> ByteSet:
    return bytes_of("".join(f"{digit:x}{digit:X}" for digit in digits).encode())
