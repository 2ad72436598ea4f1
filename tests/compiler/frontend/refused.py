"""Kernel programs that are refused: the code, the place (between « and »), and words of the message and the hint."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Refused:
    """One text with one error in it. It stands after the prelude of kernel_text.py and has a program `main`."""

    name: str
    code: str
    says: str
    hint: str
    text: str
    target: str = ""

    def at_definition(self) -> Refused:
        """The same, its place being the whole definition of `main`."""
        return replace(self, text=self.text.replace("def main(", "«def main(").rstrip() + "»\n")

    def at_keyword(self) -> Refused:
        """The same, its place being the `def` of `main`."""
        return replace(self, text=self.text.replace("def main(", "«def» main("))

    def for_kernel(self, target: str) -> Refused:
        """The same, compiled for an older kernel."""
        return replace(self, target=target)

    def __str__(self) -> str:
        return self.name


def main(name: str, code: str, says: str, hint: str, body: str, before: str = "") -> Refused:
    """A case whose text is the body of `main`, in lines that follow `def main(packet: Skb) -> int:`."""
    indented = "".join(f"    {line}\n" if line else "\n" for line in body.strip("\n").split("\n"))
    return Refused(name, code, says, hint, f'{before}\n\n@program("tc")\ndef main(packet: Skb) -> int:\n{indented}')


BOX = "box = boxes.lookup(0)\nif box is None:\n    return 0\n"
FRAME = "frame = packet.header(Frame, 0)\nif frame is None:\n    return 0\n"

VALUES = [
    main("a lookup used before it is checked", "kernel-none", "`box` may be None", "is None", "box = boxes.lookup(0)\nreturn «box».count"),
    main("a check that is forgotten in the loop", "kernel-none", "may be None", "is None", BOX + "for i in range(4):\n    box.count = «box».count + i\n    box = boxes.lookup(1)\nreturn 0".replace("box.count = «box».count", "x = «box».count")),
    main("a view checked on one side only", "kernel-none", "may be None", "is None", "box = boxes.lookup(0)\nif packet.length > 9:\n    if box is None:\n        return 0\nreturn «box».count"),
    main("a maybe-None passed on", "kernel-none", "may be None", "is None", "return take(«boxes.lookup(0)»)", "@function\ndef take(box: Box) -> int:\n    return box.count\n"),
    main("a number as a condition", "kernel-type", "a condition must be a bool", "!= 0", "if «packet.length»:\n    return 1\nreturn 0"),
    main("a pointer as a condition", "kernel-type", "Box or None", "is not None", "box = boxes.lookup(0)\nif «box»:\n    return 1\nreturn 0"),
    main("a struct where a number is needed", "kernel-type", "a number is needed", "field", BOX + "return «box» + 1"),
    main("a bool where a number is needed", "kernel-type", "a number is needed", "field", "return (packet.length == 1) + 1".replace("(packet.length == 1)", "(«packet.length == 1»)")),
    main("a variable that changes its type", "kernel-type", "`x` is a number", "another name", "x = 1\n«x» = packet.length == 1\nreturn 0"),
    main("None compared with a number", "kernel-type", "never None", "lookups", "x = 1\nif «x» is None:\n    return 1\nreturn 0"),
    main("a number that is indexed", "kernel-type", "cannot be indexed", "arrays", "x = 1\nreturn «x[0]»"),
    main("the length of a number", "kernel-type", "no length", "arrays", "return len(«packet.length»)".replace("len(«packet.length»)", "«len(packet.length)»")),
    main("an array in a variable", "kernel-type", "cannot be kept", "where it is", BOX + "«x» = box.octets\nreturn 0"),
    main("a result of another type", "kernel-type", "returns a number", "declared", "return «packet.length == 1»"),
    main("a return without a value", "kernel-type", "returns a number", "value", "«return»"),
    main("a key of another struct", "kernel-type", "must be Inner", "declared", "key = Other()\nfound = by_inner.lookup(«key»)\nreturn 0", "by_inner = HashMap(Inner, Other, 4)\n"),
    main("a value of another struct", "kernel-type", "must be Other, not Box", "declared", BOX + "others.update(1, «box»)\nreturn 0"),
    main("structs of two kinds copied", "kernel-type", "cannot be copied", "equal", BOX + "other = Other()\n«box.copy_from(other)»\nreturn 0"),
    main("one name for two structs on the stack", "kernel-type", "is a Other already", "another name", "x = Other()\n«x» = Box()\nreturn 0"),
    main("a volatile element", "kernel-type", "volatile", "field", "return «ticks[0]»", 'ticks = global_array(volatile_u16, 4, ".data.v")\n'),
    main("a variable set on one way only", "kernel-unset", "`x` is not set", "before the branch", "if packet.length > 1:\n    x = 1\nreturn «x»"),
    main("a variable set in a loop only", "kernel-unset", "`x` is not set", "before", "for i in range(4):\n    x = i\nreturn «x»"),
    main("a variable read above its first assignment", "kernel-unset", "`table` is not set", "set `table`", "x = «table»\ntable = 1\nreturn x"),
    main("a field that is not there", "kernel-field", "has no field 'cuont'", "count", BOX + "return «box.cuont»"),
    main("a context field that is not there", "kernel-field", "no field 'marc'", "mark", "return «packet.marc»"),
    main("a struct field assigned", "kernel-field", "cannot be assigned", "integer fields", BOX + "«box.inner» = 1\nreturn 0"),
    main("a bool in a number field", "kernel-field", "cannot be assigned a bool", "numbers", BOX + "«box.small» = packet.length == 1\nreturn 0"),
    main("an index that may be too large", "kernel-index", "below 16", "& 15", BOX + "return «box.octets[packet.length]»"),
    main("an index one too large", "kernel-index", "below 16", "& 15", BOX + "return «box.octets[16]»"),
    main("an element assigned out of range", "kernel-index", "below 16", "& 15", BOX + "«box.octets[packet.length]» = 1\nreturn 0"),
    main("a word that reaches past the array's end", "kernel-index", "below 9", "& 7", BOX + "return «box.octets.word(9)»"),
    main("a word of an array that has none", "kernel-index", "too short", "longer", "return «short.word(0)»", 'short = global_array(u8, 4, ".data.s")\n'),
    main("a header at an unbounded offset", "kernel-index", "at most 32767", "0x7FFF", "frame = packet.header(Frame, «packet.length»)\nreturn 0"),
    main("an index that was bounded before the loop only", "kernel-index", "below 16", "& 15", BOX + "i = 0\nfor n in range(4):\n    box.small = «box.octets[i]»\n    i += 1\nreturn 0"),
    main("a shift that may be too far", "kernel-shift", "below 64", "& 63", "return «1 << packet.length»"),
    main("a divisor that may be 0", "kernel-divisor", "above 0", "zero", "return «100 // packet.length»"),
    main("a divisor that is 0", "kernel-divisor", "above 0", "zero", "return «100 % 0»"),
    main("a division of floats", "kernel-operator", "Div", "//", "return «packet.length / 2»"),
    main("a membership test", "kernel-operator", "NotIn", "==", "x = packet.length\nif «x not in 5»:\n    return 1\nreturn 0".replace("x not in 5", "x not in table")),
    main("a number over 64 bits", "kernel-range", "64 bits", "smaller", "return packet.length + «0x10000000000000000»"),
    main("a constant over 64 bits", "kernel-range", "64 bits", "smaller", "return packet.length + «HUGE»"),
    main("a name that is not there", "kernel-name", "`nothing` is not a value", "local", "return «nothing»"),
    main("a module as a value", "kernel-name", "not a value", "local", "return «boxes»"),
    main("a write to a read-only array", "kernel-readonly", "read-only", ".rodata", "«constants[0]» = 1\nreturn 0"),
    main("a write to a constant", "kernel-readonly", "read-only", ".rodata", "«BANNER[0]» = 1\nreturn 0"),
]  # fmt: skip

CALLS = [
    main("a function that is not marked", "kernel-call", "not a kernel function", "@function", "return «plain(1)»", "def plain(x: u32) -> int:\n    return x\n"),
    main("a function that is called like a helper", "kernel-call", "not a kernel function", "@function", "return «ktime_ns()»", "def ktime_ns() -> int:\n    return 0\n"),
    main("a builtin", "kernel-call", "`min` is not a kernel function", "@function", "return «min(1, 2)»"),
    main("keywords", "kernel-call", "positional", "in order", "return «take(x=1)»", "@function\ndef take(x: u32) -> int:\n    return x\n"),
    main("too few arguments", "kernel-call", "takes 1 arguments", "definition", "return «take()»", "@function\ndef take(x: u32) -> int:\n    return x\n"),
    main("too many arguments for a helper", "kernel-call", "takes 1 arguments", "docs", "packet.pull(1)\n«packet.pull(1, 2)»\nreturn 0"),
    main("a tail call without its context", "kernel-call", "takes 2 arguments", "docs", "«stages.tail_call()»\nreturn 0"),
    main("a tail call with something else first", "kernel-type", "the context is needed", "own parameter", "stages.tail_call(«1», 2)\nreturn 0"),
    main("a method that maps do not have", "kernel-call", "no method 'clear'", "docs", "«boxes.clear()»\nreturn 0"),
    main("a method that packets do not have", "kernel-call", "no method 'drop'", "docs", "«packet.drop()»\nreturn 0"),
    main("a struct with arguments", "kernel-call", "no arguments", "fields", "x = «Other(1)»\nreturn 0"),
    main("a header of something else", "kernel-call", "a Struct and an offset", "header", "frame = «packet.header(5, 0)»\nreturn 0"),
    main("a repeat without a callback", "kernel-call", "@callback", "repeat(64", "«repeat(4, 5)»\nreturn 0"),
    main("a callback of another shape", "kernel-signature", "take a number", "(u32) -> bool", "«repeat(4, step)»\nreturn 0", "@callback\ndef step(number: u32) -> int:\n    return 1\n"),
    main("more rounds than the kernel takes", "kernel-loop", "at most 8388608", "& 0xFFFF", "repeat(«packet.length», step)\nreturn 0", "@callback\ndef step(number: u32) -> bool:\n    return False\n"),
    main("a view on the packet given to the ring", "kernel-call", "view on the packet", "packet.load", FRAME + "ring.output(«frame»)\nreturn 0"),
    main("an argument of another type", "kernel-type", "a number is needed", "declared", BOX + "return take(«box»)", "@function\ndef take(x: u32) -> int:\n    return x\n"),
    main("add_atomic with keywords", "kernel-call", "positional", "in order", BOX + '«box.add_atomic("count", amount=1)»\nreturn 0'),
    main("add_atomic without an amount", "kernel-call", "a field name and a number", "add_atomic", BOX + '«box.add_atomic("count")»\nreturn 0'),
    main("compare_exchange without a name", "kernel-call", "a field name and two numbers", "busy", BOX + "return «box.compare_exchange(1, 2, 3)»"),
    main("an atomic on a field of 16 bits", "kernel-atomic", "not an aligned u32", "need", BOX + '«box.add_atomic("tail", 1)»\nreturn 0'),
    main("an atomic on a big-endian field", "kernel-atomic", "not an aligned u32", "need", BOX + '«box.add_atomic("wide", 1)»\nreturn 0'),
    main("an atomic on the packet", "kernel-atomic", "not shared", "assignment", 'low = packet.header(Inner, 0)\nif low is None:\n    return 0\n«low.add_atomic("low", 1)»\nreturn 0'),
    main("a function that calls itself", "kernel-recursion", "again -> again", "loop", "return again(1)", "@function\ndef again(x: u32) -> int:\n    return «again(x)»\n"),
    main("a circle of functions", "kernel-recursion", "ping -> pong -> ping", "loop", "return ping(1)", "@function\ndef ping(x: u32) -> int:\n    return pong(x)\n\n\n@function\ndef pong(x: u32) -> int:\n    return «ping(x)»\n"),
    main("two functions of one name", "kernel-duplicate", "two things are called `take`", "own", "return take(1) + «other(1)»", "@function\ndef take(x: u32) -> int:\n    return x\n\n\nother = take\n\n\n@function\ndef take(x: u32) -> int:\n    return x + 1\n"),
    main("a map under two names", "kernel-duplicate", "`chests` is `boxes`", "own", BOX + "found = «chests».lookup(1)\nreturn 0", "chests = boxes\n"),
    main("a name of the object's own", "kernel-duplicate", "two things are called `_license`", "own", "found = «_license».lookup(1)\nreturn 0", "_license = ArrayMap(Box, 1)\n"),
    main("a struct on the stack that is returned", "kernel-escape", "stack", "caller", "box = make()\nreturn 0", "@function\ndef make() -> Box:\n    fresh = Box()\n    return «fresh»\n"),
    main("a part of a struct on the stack that is returned", "kernel-escape", "stack", "caller", "inner = make()\nreturn 0", "@function\ndef make() -> Inner:\n    fresh = Box()\n    return «fresh.inner»\n"),
    main("a struct on the stack that is returned through another function", "kernel-escape", "stack", "caller", "box = make()\nreturn 0", "@function\ndef same(box: Box) -> Box:\n    return box\n\n\n@function\ndef make() -> Box:\n    fresh = Box()\n    return «same(fresh)»\n"),
    main("a second name for a struct on the stack", "kernel-escape", "second name", "copy_from", "fresh = Box()\n«other» = fresh\nreturn 0"),
    main("a second name that a function gives", "kernel-escape", "second name", "copy_from", "fresh = Box()\n«other» = part(fresh)\nreturn 0", "@function\ndef part(box: Box) -> Inner:\n    return box.inner\n"),
]  # fmt: skip

PACKET = [
    main("a view used after the packet was written", "kernel-moved", "`frame` is a view on the packet, which line", "again", FRAME + "packet.store(0, BANNER)\nreturn «frame».kind"),
    *(
        main(f"a view used after {call.partition('(')[0]}", "kernel-moved", "view on the packet", "again", FRAME + f"packet.{call}\nreturn «frame».kind")
        for call in ("change_tail(60)", "pull(60)", "replace_l4_checksum(0, 1, 2, 2)", "clone_redirect(1, 0)")
    ),
    main("a view used after a failed tail call", "kernel-moved", "view on the packet", "again", FRAME + "stages.tail_call(packet, 0)\nreturn «frame».kind"),
    main("a view used after a function that moves the packet", "kernel-moved", "view on the packet", "again", FRAME + "twice(packet)\nreturn «frame».kind", "@function\ndef cut(packet: Skb) -> None:\n    packet.pull(60)\n\n\n@function\ndef twice(packet: Skb) -> None:\n    cut(packet)\n    cut(packet)\n"),
    main("a part of a view", "kernel-moved", "view on the packet", "again", FRAME + "inner = frame.inner\npacket.pull(60)\nreturn «inner».low"),
    main("a view that a function found", "kernel-moved", "view on the packet", "again", "frame = find(packet)\nif frame is None:\n    return 0\npacket.pull(60)\nreturn «frame».kind", "@function\ndef find(packet: Skb) -> Frame | None:\n    return packet.header(Frame, 4)\n"),
    main("a view that a function passed on", "kernel-moved", "view on the packet", "again", FRAME + "inner = part(frame)\npacket.pull(60)\nreturn «inner».low", "@function\ndef part(frame: Frame) -> Inner:\n    return frame.inner\n"),
    main("a view used after one branch moved the packet", "kernel-moved", "view on the packet", "again", FRAME + "if packet.length > 60:\n    packet.pull(60)\nreturn «frame».kind"),
    main("a view that a condition outlived", "kernel-moved", "view on the packet", "again", FRAME + "if packet.length > 60 and packet.pull(60):\n    return 1\nreturn «frame».kind"),
    main("a view used in the next round", "kernel-moved", "view on the packet", "again", FRAME + "total = 0\nfor i in range(4):\n    total += «frame».kind\n    packet.pull(60)\nreturn total"),
    main("a view used after the loop", "kernel-moved", "view on the packet", "again", FRAME + "for i in range(4):\n    packet.pull(60)\nreturn «frame».kind"),
    main("a view given to a function that moves the packet", "kernel-moved", "may move the packet that `frame` points into", "in `cut`", FRAME + "return cut(packet, «frame»)", "@function\ndef cut(packet: Skb, frame: Frame) -> int:\n    packet.pull(60)\n    return frame.kind\n"),
    main("a view beside a call that moves the packet", "kernel-moved", "after this statement has moved it", "of its own", FRAME + "«return take(frame, cut(packet))»", "@function\ndef cut(packet: Skb) -> u32:\n    packet.pull(60)\n    return 1\n\n\n@function\ndef take(frame: Frame, x: u32) -> int:\n    return frame.kind + x\n"),
    main("a view written to with what moves the packet", "kernel-moved", "view on the packet", "again", FRAME + "«frame».kind = cut(packet)\nreturn 0", "@function\ndef cut(packet: Skb) -> u32:\n    packet.pull(60)\n    return 1\n"),
]  # fmt: skip

SHAPES = [
    main("a while loop without a bound", "kernel-loop", "how often", "Rounds", "while «True»:\n    pass\nreturn 0"),
    main("a while loop whose bound counts another loop too", "kernel-loop", "another loop", "right before", "rounds = Rounds(4)\nfor i in range(2):\n    while «rounds.more()»:\n        pass\nreturn 0"),
    main("rounds that are no constant", "kernel-loop", "a constant", "Rounds(64)", "rounds = «Rounds(packet.length)»\nreturn 0"),
    main("a list", "kernel-construct", "a List", "docs", "x = «[1]»\nreturn 0"),
    main("an attribute of a call", "kernel-construct", "a Lambda", "docs", "x = «lambda: 1»\nreturn 0"),
    main("a string", "kernel-construct", "the value 'GET'", "docs", "x = «'GET'»\nreturn 0"),
    main("a float", "kernel-construct", "the value 1.5", "docs", "return «1.5»"),
    main("a tuple assignment", "kernel-construct", "Tuple", "assign to a name", "«x, y» = 1, 2\nreturn 0".replace("1, 2", "packet.length")),
    main("two targets that are no names", "kernel-construct", "only names", "one assignment", BOX + "x = «box.small» = 1\nreturn 0"),
    main("is without None", "kernel-construct", "None", "==", BOX + "if «box is box»:\n    return 1\nreturn 0"),
    main("an exception", "kernel-construct", "Raise", "docs", "«raise ValueError»\nreturn 0".replace("\nreturn 0", "")),
    main("a try block", "kernel-construct", "Try", "docs", "«try:\n    return 1\nexcept ValueError:\n    return 2»"),
    main("a nested function", "kernel-construct", "FunctionDef", "docs", "«def inner() -> int:\n    return 1»\nreturn 0"),
    main("a global statement", "kernel-construct", "Global", "docs", "«global table»\nreturn 0"),
    main("a loop with an else", "kernel-construct", "no else", "range", "«for i in range(4):\n    pass\nelse:\n    pass»\nreturn 0"),
    main("a loop over an array", "kernel-loop", "over a range", "range(64)", "for i in «table»:\n    pass\nreturn 0"),
    main("a loop without a bound", "kernel-loop", "4294967295 times", "repeat", "for i in «range(packet.length)»:\n    pass\nreturn 0"),
    main("a loop with too many rounds", "kernel-loop", "65536", "repeat", "for i in «range(65537)»:\n    pass\nreturn 0"),
    main("a function that ends without its value", "kernel-return", "without a return", "every way", "return take(1)", "@function\n«def take(x: u32) -> int:\n    if x > 1:\n        return 1»\n"),
    main("a parameter without a type", "kernel-signature", "'x' has no kernel type", "annotate", "return take(1)", "@function\n«def take(x) -> int:\n    return 1»\n"),
    main("a parameter of no kernel type", "kernel-signature", "'x' has no kernel type", "annotate", "return take(1)", "@function\n«def take(x: str) -> int:\n    return 1»\n"),
    main("a result of no kernel type", "kernel-signature", "'return' has no kernel type", "annotate", "return take(1)", "@function\n«def take(x: u32) -> list[int]:\n    return 1»\n"),
    main("a parameter with a default", "kernel-signature", "plain parameter", "defaults", "return take(1)", "@function\n«def take(x: u32 = 1) -> int:\n    return 1»\n"),
    main("starred parameters", "kernel-signature", "plain parameter", "positional", "return take(1)", "@function\n«def take(*x: u32) -> int:\n    return 1»\n"),
    main("an annotation that cannot be read", "kernel-signature", "annotations cannot be read", "import", "return take(1)", "@function\n«def take(x: Missing) -> int:\n    return 1»\n"),
    Refused("a program of another shape", "kernel-signature", "take the context", "Skb", '@program("tc")\n«def main(packet: Skb, x: u32) -> int:\n    return 1»\n'),
    Refused("a function where a program is needed", "kernel-unmarked", "not a program", "@program", "@function\n«def main(packet: Skb) -> int:\n    return 1»\n"),
    Refused("a function without a mark", "kernel-unmarked", "not a program", "@program", "«def main(packet: Skb) -> int:\n    return 1»\n"),
    Refused("a function that waits", "kernel-source", "plain `def`", "@function", '«@program("tc")»\nasync def main(packet: Skb) -> int:\n    return 1\n'),
    Refused("two decorators", "kernel-source", "one decorator", "@function", '«@program("tc")»\n@function\ndef main(packet: Skb) -> int:\n    return 1\n'),
]  # fmt: skip

NUMBERS = [
    main("an index that may be below zero", "kernel-index", "below zero", ">= 0", BOX + "return «box.octets[(box.small & 7) - 3]»"),
    main("a signed number with a large unsigned one", "kernel-sign", "below zero", "wrap(s64", BOX + "return «(box.small - 9) | box.count»"),
    main("a comparison of signed with unsigned", "kernel-sign", "2^63", "wrap(u64", BOX + "if «box.small - 9 < box.count»:\n    return 1\nreturn 0"),
    main("an argument that may not fit", "kernel-range", "may not fit a parameter from 0 to 255", "mask", "return take(«packet.length»)", "@function\ndef take(x: u8) -> int:\n    return x\n"),
    main("a result that may not fit", "kernel-range", "the function says 0 to 255", "mask", "return take(packet.length)", "@function\ndef take(x: u32) -> u8:\n    «return x»\n"),
    main("a declared variable that may not fit", "kernel-range", "declared from 0 to 255", "wrap", "«x»: u8 = packet.length\nreturn x"),
    main("a declared variable that grows in a loop", "kernel-range", "declared from 0 to 255", "wrap", "x: u8 = 0\nfor i in range(9):\n    «x» += 40\nreturn x"),
    main("a key that may not fit", "kernel-range", "may not fit u32", "wrap(u32", BOX + "found = others.lookup(«box.count»)\nreturn 0"),
    main("a variable declared twice", "kernel-type", "declared or used before", "once", "x: u8 = 1\n«x»: u16 = 2\nreturn x"),
    main("a variable declared after its use", "kernel-type", "declared or used before", "once", "x = 1\n«x»: u16 = 2\nreturn x"),
    main("a variable of no kernel type", "kernel-signature", "not the type of a variable", "u8 to s64", "x: «str» = 1\nreturn 0"),
    main("a variable declared big-endian", "kernel-order", "no byte order", "u16", "x: «be16» = 1\nreturn x"),
    main("a parameter declared big-endian", "kernel-order", "no byte order", "u32", "return take(1)", "@function\n«def take(x: be32) -> int:\n    return x»\n"),
    main("a byte order changed by hand", "kernel-order", "no byte order", "be16", FRAME + "return «ntohs(frame.kind)»"),
    main("wrap of something else", "kernel-call", "from u8 to s64", "wrap(u32", "return «wrap(be16, packet.length)»"),
    main("None without a kind", "kernel-type", "None of what", "Kind | None", "x = «None»\nreturn 0"),
    main("sides of two types", "kernel-type", "one side is a number, the other a bool", "one type", "x = «1 if packet.length > 4 else True»\nreturn 0"),
    main("a case with a name", "kernel-construct", "a case is a number", "case 6", "match packet.length:\n    case «other»:\n        return other\nreturn 0"),
    main("a call in an augmented assignment", "kernel-construct", "made twice", "variable first", BOX + "box.octets[«box.octets[take(1) & 15]»] += 1\nreturn 0".replace("box.octets[«box.octets[take(1) & 15]»]", "«box.octets[take(1) & 15]»"), "@function\ndef take(x: u32) -> int:\n    return x\n"),
    main("a format without its numbers", "kernel-format", "1 places for 0 arguments", "%d", '«printk("x %d")»\nreturn 0'),
    main("a format that printk does not have", "kernel-format", "'%s'", "%d", 'printk(«"x %s"», 1)\nreturn 0'),
    main("with something that is no lock", "kernel-lock", "no spin lock", "SpinLock", BOX + "with «box.inner»:\n    box.count = 1\nreturn 0"),
    Refused("a section of no program", "kernel-signature", "'tcx/sideways' is the section of no program", "cgroup/connect4", '@program("tcx/sideways")\n«def main(packet: Skb) -> int:\n    return 1»\n'),
]  # fmt: skip

RESERVE = "record = ring.reserve(Other)\nif record is None:\n    return 0\n"
LOCKS = "class Bucket(Struct):\n    lock: SpinLock\n    pad: u32\n    tokens: u64\n\n\nbuckets = ArrayMap(Bucket, 4)\n"
BUCKET = "bucket = buckets.lookup(0)\nif bucket is None:\n    return 0\n"


def program(name: str, code: str, says: str, hint: str, head: str, body: str, before: str = "") -> Refused:
    """A case whose program has this decorator and signature: `"xdp" (packet: Xdp)`."""
    section, _, rest = head.partition(" ")
    indented = "".join(f"    {line}\n" for line in body.strip("\n").split("\n"))
    return Refused(name, code, says, hint, f"{before}\n\n@program({section})\ndef main{rest} -> int:\n{indented}")


KERNEL = [
    main("a record that is not given back", "kernel-unreleased", "`record` is not given back before", "submit", RESERVE + "«return 1»"),
    main("a record that is given back on one way", "kernel-unreleased", "on one way only", "every way", RESERVE + "«if packet.length > 60:\n    ring.submit(record)»\nreturn 1"),
    main("a record given back twice", "kernel-unreleased", "`record` was given back on line", "before", RESERVE + "ring.submit(record)\nring.discard(«record»)\nreturn 1"),
    main("a record used after it was given back", "kernel-unreleased", "`record` was given back on line", "before", RESERVE + "ring.submit(record)\nreturn «record».value"),
    main("a record got in a loop", "kernel-unreleased", "a round ends before", "in the round", "«for i in range(4):\n    record = ring.reserve(Other)\n    if record is None:\n        break»\nreturn 1"),
    main("something given back that was not got", "kernel-unreleased", "nothing that is to be given back", "once", "other = Other()\nring.submit(«other»)\nreturn 1"),
    main("a record that is dropped", "kernel-unreleased", "is dropped", "variable", "«ring.reserve(Other)»\nreturn 1"),
    main("a second name for a record", "kernel-escape", "second name", "one name", RESERVE + "«other» = record\nring.submit(record)\nreturn 1"),
    main("a call under a lock", "kernel-lock", "while a spin lock is held", "before or after", BUCKET + "with bucket.lock:\n    bucket.tokens = «ktime_ns()»\nreturn 0", LOCKS),
    main("two locks", "kernel-lock", "one spin lock at a time", "first one", BUCKET + "with bucket.lock:\n    «with bucket.lock:\n        bucket.tokens = 1»\nreturn 0", LOCKS),
    main("the inside of a lock", "kernel-field", "only the kernel looks into a SpinLock", "with", BUCKET + "return «bucket.lock.val»", LOCKS),
    main("a copy of a struct with a lock", "kernel-lock", "cannot be copied", "fields", BUCKET + "fresh = Bucket()\n«bucket.copy_from(fresh)»\nreturn 0", LOCKS),
    program("a spin lock in a tracepoint", "kernel-helper", "cannot call `bpf_spin_lock`", "docs", '"raw_tp/sys_enter" (context: Enter)', BUCKET + "«with» bucket.lock:\n    bucket.tokens = 1\nreturn 0", LOCKS + "\n\nclass Enter(RawTracepoint):\n    registers: u64\n    number: u64\n"),
    program("a field that XDP cannot write", "kernel-context", "a program in 'xdp' cannot write `ingress_interface`", "may write", '"xdp" (packet: Xdp)', "«packet.ingress_interface» = 1\nreturn 2"),
    program("a packet that a program cannot write", "kernel-context", "a program in 'cgroup_skb/egress' cannot write to the packet", "read", '"cgroup_skb/egress" (packet: Skb)', "frame = packet.header(Frame, 0)\nif frame is not None:\n    «frame.words» = 1\nreturn 1"),
    program("a result out of range", "kernel-result", "may return from 0 to 1, not 2", "constant", '"cgroup/connect4" (address: SockAddr)', "«return» 2"),
    program("a result that is always 1", "kernel-result", "may return 1, not 0", "constant", '"cgroup/recvmsg4" (address: SockAddr)', "«return» 0"),
    program("the context of another type of program", "kernel-signature", "Xdp is not what a program in 'tc' is called with", "context", '"tc" (packet: Xdp)', "return 0").at_definition(),
    main("too much on the stack", "kernel-stack", "512 is the most", "PerCpuArray", "big = Big()\nother = Big()\nring.output(big)\nring.output(other)\nreturn 0", "class Big(Struct):\n    octets: Annotated[Array[u8], Count(300)]\n\n").at_keyword(),
    main("a loop for an old kernel", "kernel-target", "needs Linux 5.3", "newer", "x = 0\n«for» i in range(4):\n    x += i\nreturn x").for_kernel("4.19"),
]  # fmt: skip

REFUSED = [*VALUES, *CALLS, *PACKET, *SHAPES, *NUMBERS, *KERNEL]
