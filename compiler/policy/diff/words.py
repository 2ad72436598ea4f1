"""Everything that can be said on a connection, as one language of words; and rules as the words that they match.

    word      server-name 0 request
    name      1 for none, else 2 and the name, in lower case
    request   O                                     no request that any rule could be about
              H method 0 path 0 host (0 header)*    a header: 1 for absent, else 2 and its value; only those that some rule names
              D name                                in lower case, with its dot at the end
              K key 0 version 0 client 0 topic      numbers in decimal; topic: 1 for none, else 2 and one topic

Each part is what its protocol lets it be: what is no request by RFC 9112 is refused before any rule is asked. A 0 byte stands in none
of them, so that what a list of rules matches is a regular language, and whether two lists match the same is decided on their machines.
Lists that allow the same requests for one topic allow the same requests for several; for denies of topics that does not hold
(passing.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache, cached_property, lru_cache
from typing import Final, TypeAlias

from pybpf.compiler.automata import (
    ALPHANUMERIC,
    ANY_BYTE,
    DIGIT,
    LOWER,
    Dfa,
    Literal,
    OneOf,
    Pattern,
    Repeat,
    as_pattern,
    byte_range,
    bytes_of,
    choice,
    determinize,
    intersect,
    marked,
    minimize,
    optional,
    sequence,
    thompson,
    without,
)
from pybpf.compiler.policy.diff.unproven import Unproven
from pybpf.compiler.policy.model.flow import DnsQuery, HttpRequest, KafkaRequest
from pybpf.compiler.policy.model.layer7 import (
    Dns,
    Generic,
    HeaderMatch,
    Http,
    HttpRule,
    Kafka,
    KafkaRule,
    Layer7,
    Mismatch,
)
from pybpf.compiler.policy.model.peers import DnsPattern
from pybpf.compiler.policy.model.ports import Protocol
from pybpf.compiler.policy.patterns import (
    dns_pattern,
    host_pattern,
    path_pattern,
    server_name_pattern,
    value_pattern,
)
from pybpf.compiler.policy.verdict.requests import WITH_TOPICS

ACCEPT: Final = 1
Request: TypeAlias = HttpRequest | DnsQuery | KafkaRequest | None

_END: Final = Literal(b"\0")
_ABSENT: Final = Literal(b"\1")
_PRESENT: Final = Literal(b"\2")
_VISIBLE: Final = byte_range(0x21, 0x7E)
_NAME_BYTES: Final = LOWER | DIGIT | bytes_of(b"-_")
_LABEL: Final = Repeat(OneOf(_NAME_BYTES), 1)
_TOPIC_BYTES: Final = ALPHANUMERIC | bytes_of(b"._-")
# RFC 9110, 5.5: a value has no blanks at its ends.
_FIELD_EDGE: Final = _VISIBLE | byte_range(0x80, 0xFF)
_FIELD: Final = _FIELD_EDGE | bytes_of(b" \t")
_NUMBER: Final = choice(Literal(b"0"), sequence(OneOf(DIGIT - bytes_of(b"0")), Repeat(OneOf(DIGIT), 0, 4)))

# What each part can be at all.
_METHODS: Final = Repeat(OneOf(ALPHANUMERIC | bytes_of(b"!#$%&'*+-.^_`|~")), 1)  # a token (RFC 9110, 5.6.2)
_PATHS: Final = Repeat(OneOf(_VISIBLE), 1)
_HOSTS: Final = Repeat(OneOf(_VISIBLE), 0)
_VALUES: Final = optional(sequence(OneOf(_FIELD_EDGE), optional(sequence(Repeat(OneOf(_FIELD), 0), OneOf(_FIELD_EDGE)))))
_SERVERS: Final = sequence(_LABEL, Repeat(sequence(Literal(b"."), _LABEL), 0))
UPGRADE: Final = "upgrade"
_WEBSOCKET: Final = sequence(*(OneOf(bytes_of(bytes((letter, letter - 32)))) for letter in b"websocket"))
_ANY_SERVER: Final = choice(_ABSENT, sequence(_PRESENT, _SERVERS))
NAMES: Final = choice(Literal(b"."), Repeat(sequence(_LABEL, Literal(b".")), 1))
_USUAL_METHODS: Final = choice(*map(Literal, (b"GET", b"PUT", b"HEAD", b"POST", b"PATCH", b"DELETE", b"OPTIONS")))
_ANYTHING: Final = Repeat(OneOf(ANY_BYTE), 0)
_CLIENTS: Final = Repeat(OneOf(ANY_BYTE - bytes_of(b"\0")), 0)
_TOPICS: Final = Repeat(OneOf(_TOPIC_BYTES), 1)
_ANY_KAFKA: Final[tuple[Pattern, Pattern, Pattern]] = (_CLIENTS, _NUMBER, _TOPICS)


class Words:
    """The words of connections on which rules name these headers (lower-case, sorted)."""

    def __init__(self, headers: Sequence[str]) -> None:
        self.headers = tuple(headers)

    @cached_property
    def everything(self) -> Dfa:
        """Every word."""
        return machine(sequence(_ANY_SERVER, _END, choice(Literal(b"O"), self._http(None), _dns(None), _kafka(None))))

    @cached_property
    def examples(self) -> tuple[Dfa, ...]:
        """Words by how well they read: of no request at all, of a request as they usually are, of any request."""
        unread = machine(sequence(_ANY_SERVER, _END, Literal(b"O")))
        http = sequence(Literal(b"H"), _USUAL_METHODS, _END, Literal(b"/"), _ANYTHING)
        usual = (machine(sequence(_ANY_SERVER, _END, each)) for each in (http, sequence(Literal(b"D"), _LABEL, _ANYTHING)))
        return unread, *(minimize(intersect(self.everything, each, accept=ACCEPT)) for each in usual), without(self.everything, unread)

    @lru_cache(maxsize=16)  # noqa: B019  # as long as a diff takes
    def over(self, protocol: Protocol | int) -> Dfa:
        """The words that can be said over a protocol: names and most requests over TCP, queries over UDP too."""
        if protocol == Protocol.TCP:
            return self.everything
        requests = choice(Literal(b"O"), _dns(None)) if protocol == Protocol.UDP else Literal(b"O")
        return machine(sequence(_ABSENT, _END, requests))

    def of(self, layer7: Layer7 | None, server_names: Sequence[DnsPattern]) -> Dfa:
        """The words that these requests (None: all) match, under one of these server names (none: all)."""
        return _of(self, layer7, tuple(server_names))

    def meaning(self, word: bytes) -> tuple[str | None, Request]:
        """A word as the server name and the request that it stands for."""
        name, _, rest = word.partition(b"\0")
        server = name[1:].decode() if name[:1] == b"\2" else None
        kind, parts = rest[:1], rest[1:].split(b"\0")
        texts = [each.decode("utf-8", "surrogateescape") for each in parts]
        match kind:
            case b"H":
                sent = [(header, text[1:]) for header, text in zip(self.headers, texts[3:], strict=True) if text[:1] == "\2"]
                return server, HttpRequest(texts[0], texts[1], texts[2], tuple(sent))
            case b"D":
                return server, DnsQuery(texts[0])
            case b"K":
                topics = (texts[3][1:],) if texts[3][:1] == "\2" else ()
                return server, KafkaRequest(int(texts[0]), int(texts[1]), texts[2], topics)
            case _:
                return server, None

    def requests(self, layer7: Layer7) -> Pattern:
        """What rules match of requests, as a tree."""
        match layer7:
            case Http(rules):
                return choice(*map(self._http, rules))
            case Dns(patterns):
                return choice(*map(_dns, patterns))
            case Kafka(kafka_rules):
                return choice(*map(_kafka, kafka_rules))
            case Generic():
                return choice()

    def _http(self, rule: HttpRule | None) -> Pattern:
        """The requests of one rule; all for None."""
        method = _part(_METHODS, value_pattern(rule.method) if rule is not None and rule.method is not None else None)
        path = _part(_PATHS, path_pattern(rule.path) if rule is not None and rule.path is not None else None)
        host = _part(_HOSTS, host_pattern(rule.host) if rule is not None and rule.host is not None else None)
        wanted = rule.headers if rule is not None else ()
        headers = [part for name in self.headers for part in (_END, _header([each for each in wanted if each.name.lower() == name]))]
        if rule is not None and UPGRADE in self.headers:
            headers[2 * self.headers.index(UPGRADE) + 1] = sequence(_PRESENT, _WEBSOCKET) if rule.websocket else _ABSENT
        return sequence(Literal(b"H"), method, _END, path, _END, host, *headers)


def header_names(rules: Iterable[HttpRule]) -> tuple[str, ...]:
    """The names of all headers that rules ask about, in lower case, sorted; `upgrade` where any is for WebSocket."""
    every = list(rules)
    asked = {UPGRADE} if any(rule.websocket for rule in every) else set()
    return tuple(sorted(asked | {each.name.lower() for rule in every for each in rule.headers}))


def machine(tree: Pattern) -> Dfa:
    """The minimal machine of a language."""
    return minimize(determinize(thompson(marked(tree, ACCEPT))))


@lru_cache(maxsize=4096)
def _of(words: Words, layer7: Layer7 | None, server_names: tuple[DnsPattern, ...]) -> Dfa:
    if layer7 is None and not server_names:
        return words.everything
    server: Pattern = _ANY_SERVER
    if server_names:
        server = sequence(_PRESENT, _part(_SERVERS, choice(*map(server_name_pattern, server_names))))
    found = machine(sequence(server, _END, words.requests(layer7) if layer7 is not None else _ANYTHING))
    return minimize(intersect(found, words.everything, accept=ACCEPT))


def _part(all_of_it: Pattern, wanted: Pattern | None) -> Pattern:
    """The texts of a part that are wanted; all of them for None."""
    return all_of_it if wanted is None else _cut(all_of_it, wanted)


@lru_cache(maxsize=4096)
def _cut(all_of_it: Pattern, wanted: Pattern) -> Pattern:
    both = intersect(machine(wanted), machine(all_of_it), accept=ACCEPT)
    return as_pattern(minimize(both)) if both.start else choice()


def _header(wanted: Sequence[HeaderMatch]) -> Pattern:
    """One header under all conditions on it together. A value in a secret is not known, so that nothing matches."""
    asked = [each for each in wanted if each.mismatch is Mismatch.REFUSE]
    if not asked:
        return choice(_ABSENT, sequence(_PRESENT, _VALUES))
    if any(each.secret is not None for each in asked):
        return choice()
    values: Pattern = _VALUES
    for each in asked:
        values = _part(values, value_pattern(each.match) if each.match is not None else None)
    return sequence(_PRESENT, values)


def _dns(pattern: DnsPattern | None) -> Pattern:
    return sequence(Literal(b"D"), _part(NAMES, dns_pattern(pattern) if pattern is not None else None))


def _kafka(rule: KafkaRule | None) -> Pattern:
    """A topic counts for requests of those keys alone that name any."""
    client, version, topic = _ANY_KAFKA
    asking, others = _keys(frozenset(WITH_TOPICS)), _without_topics()
    if rule is not None:
        client = _exactly(rule.client_id) if rule.client_id is not None else client
        version = _exactly(str(rule.api_version)) if rule.api_version is not None else version
        topic = _exactly(rule.topic) if rule.topic is not None else topic
        keys = rule.api_keys
        asking, others = (_keys(keys & WITH_TOPICS), _keys(keys - WITH_TOPICS)) if keys is not None else (asking, others)
    middle = sequence(_END, version, _END, client, _END)
    named = sequence(asking, middle, choice(_ABSENT, sequence(_PRESENT, topic)))
    return sequence(Literal(b"K"), choice(named, sequence(others, middle, choice(_ABSENT, sequence(_PRESENT, _TOPICS)))))


def _keys(keys: frozenset[int]) -> Pattern:
    return choice(*(_exactly(str(key)) for key in sorted(keys)))


@cache
def _without_topics() -> Pattern:
    """All API keys whose requests name no topics, also those that are still to come."""
    return as_pattern(without(machine(_NUMBER), machine(_keys(WITH_TOPICS))))


def _exactly(text: str) -> Pattern:
    """One text of a part; a 0 would end it, and is in none of them."""
    if "\0" in text:
        raise Unproven(f"conditions on {text!r} cannot be compared", "remove the zero byte")
    return sequence(Literal(text.encode())) if text else sequence()
