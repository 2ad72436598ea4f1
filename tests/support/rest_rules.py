"""HTTP rules as REST services have them, by the thousand, and requests to go with them.

Rules are (method, path) pairs of regular expressions, matched in full: every path begins with words that are written out, and
goes on by one of the shapes below. Seeded: the same count and seed give the same rules, and more rules begin with the fewer.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence

RestRule = tuple[str, str]
# A request's method and target, and whether some rule allows it; None where that is for an oracle to say.
RestRequest = tuple[str, str, bool | None]

NUMBER = "[0-9]+"
SEGMENT = "[^/]+"
REST = ".*"
UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
FORMAT = r"\.(json|xml|csv)"
SLUG = "[a-z0-9]+(-[a-z0-9]+)*"

# Of a hundred rules this many have this shape. {area} and {part}, {other} are words.
SHAPES = {
    f"/{{area}}/{NUMBER}/{{part}}": 30,
    f"/{{area}}/{NUMBER}/{{part}}/{NUMBER}/{{other}}": 10,
    f"/{{area}}/{SEGMENT}/{{part}}": 15,
    f"/{{area}}/{{part}}/{REST}": 15,
    "/{area}/{part}/{other}": 18,
    f"/{{area}}/{UUID}/{{part}}": 5,
    f"/{{area}}/{{part}}{FORMAT}": 4,
    f"/{{area}}/{SLUG}/{{part}}": 3,
}
TWO_METHODS_PERCENT = 11

_ROOTS = ("/api/v1", "/api/v2", "/api/v3", "/internal", "/public/v1", "")
_AREA_WORDS = (
    "accounts alerts airports audit bookings branches campaigns carts catalog channels charges claims clusters contacts contracts coupons "
    "crews customers deliveries devices drivers employees events fares feeds fleets flights gates groups guests hotels invoices "
    "journeys keys ledgers licenses loans lounges meters orders passengers payments planes projects quotes refunds routes sensors "
    "sessions stations teams tickets tokens users vendors vouchers warehouses webhooks zones"
)
_PART_WORDS = (
    "addresses answers approvals archive assets attachments avatar balance batches cards changes children codes comments conditions "
    "copies counters days details discounts documents entries errors exports fees fields files filters flags forms history hours "
    "images imports items jobs labels languages layout legs letters limits lines links locks logs members messages methods metrics "
    "names notes offers options owners pages parcels parts periods permissions phones pictures points policies preferences prices "
    "profile questions ratings reasons receipts records replies reports results reviews rights roles rows rules runs seats segments "
    "settings shares sizes slots status steps stops summary tags targets tasks taxes terms threads times totals transfers types "
    "units usage values versions views visits votes weights"
)
_AREAS, _PARTS = _AREA_WORDS.split(), _PART_WORDS.split()
_ONE_METHOD = ("GET", "GET", "GET", "POST", "PUT", "DELETE", "PATCH")
_TWO_METHODS = ("(GET|HEAD)", "(POST|PUT)", "(PUT|PATCH)", "GET|DELETE")
# No rule begins with one of these, and none names one of those.
_STRANGE_AREAS = ("wp-admin", "static", "graphql", "healthz", "cgi-bin", "favicon.ico", "apix", "userz")
_STRANGE_METHODS = ("OPTIONS", "TRACE", "GE", "GETS")

_PIECES = re.compile("|".join(map(re.escape, (UUID, SLUG, FORMAT, SEGMENT, REST, NUMBER))))


def rest_rules(count: int, seed: int) -> list[RestRule]:
    """`count` different rules: the shares of SHAPES, and TWO_METHODS_PERCENT of them with two methods."""
    chance = random.Random(seed)
    rules: dict[RestRule, None] = {}
    while len(rules) < count:
        shape = chance.choices(list(SHAPES), list(SHAPES.values()))[0]
        methods = _TWO_METHODS if chance.randrange(100) < TWO_METHODS_PERCENT else _ONE_METHOD
        path = shape
        for place, words in (("{area}", _AREAS), ("{part}", _PARTS), ("{other}", _PARTS)):
            path = path.replace(place, chance.choice(words))
        rules[chance.choice(methods), chance.choice(_ROOTS) + path] = None
    return list(rules)


def rest_requests(rules: Sequence[RestRule], count: int, seed: int) -> Iterator[RestRequest]:
    """`count` requests to rules that `rest_rules` made: of twenty 14 are allowed, 3 nearly are, 3 are far from it.

    Every target is origin form with one meaning, so that nothing but the rules can be against it.
    """
    chance = random.Random(seed)
    for _ in range(count):
        method, path = _meeting(chance, *chance.choice(rules))
        kind = chance.randrange(20)
        if kind < 14:
            yield method, path, True
        elif kind < 17:
            yield method, _nearly(chance, path), None
        elif chance.randrange(3) == 0:
            yield chance.choice(_STRANGE_METHODS), path, False
        else:
            yield method, f"/{chance.choice(_STRANGE_AREAS)}/{_hexadecimal(chance, 12)}{path}", False


def _meeting(chance: random.Random, method: str, path: str) -> tuple[str, str]:
    """A request that meets a rule."""
    return chance.choice(method.strip("()").split("|")), _PIECES.sub(lambda piece: _text(chance, piece.group()), path)


def _text(chance: random.Random, piece: str) -> str:
    """A text that one of the shapes' pieces matches."""
    match piece:
        case "[0-9]+":
            return str(chance.randrange(10 ** chance.randint(1, 8)))
        case "[^/]+":
            return f"{chance.choice(_PARTS)}.{_hexadecimal(chance, 6)}"
        case ".*":
            segments = "/".join(chance.choice(_PARTS) for _ in range(chance.randint(0, 3)))
            return segments + (f"?page={chance.randint(1, 99)}&limit=50" if chance.random() < 0.5 else "")
        case r"\.(json|xml|csv)":
            return chance.choice((".json", ".xml", ".csv"))
        case _ if piece == UUID:
            return "-".join(_hexadecimal(chance, digits) for digits in (8, 4, 4, 4, 12))
        case _:
            return "-".join(chance.choice(_PARTS) for _ in range(chance.randint(1, 3)))


def _nearly(chance: random.Random, path: str) -> str:
    """A target that differs in a byte or a segment, and that some rule may allow all the same."""
    way = chance.randrange(4)
    if way == 0:
        return path + "x"
    if way == 1:
        return f"{path.partition('?')[0].rpartition('/')[0]}/z{_hexadecimal(chance, 4)}"
    if way == 2:
        return path.partition("?")[0] + "?x=1"
    at = chance.choice([index for index, letter in enumerate(path) if letter.isalnum()])
    return path[:at] + chance.choice("abcxyz0129") + path[at + 1 :]


def _hexadecimal(chance: random.Random, digits: int) -> str:
    return "".join(chance.choice("0123456789abcdef") for _ in range(digits))
