"""What the policy says of a flow: side and identity -> a search by protocol and port -> the decision, in each column that counts.

The way is the same length whatever the policy holds: one hash lookup finds where the peer's search begins (or, for peers that
no rule tells apart, where everybody's does), and at most three pages are indexed, never searched. Pages are a radix trie over
protocol, upper and lower byte of the port: ranges become entries on the way, so nothing has to be tried from the most specific
to the least, and no shorter prefix is hidden by a longer one.
"""

from __future__ import annotations

from pybpf.compiler.lang import function, subprogram, u8, u16, u32
from pybpf.kernel_progs.abi import (
    ANY_PEER,
    BOTH_COLUMNS,
    CLOSED_SIDE,
    IS_PAGE,
    OPEN_SIDE,
    Endpoint,
    PeerKey,
    PolicyAction,
    Reason,
    Refusal,
)
from pybpf.kernel_progs.identity import identity_of
from pybpf.kernel_progs.matching import Scratch
from pybpf.kernel_progs.state import decisions, pages, peers


@function
def decide(scratch: Scratch, endpoint: Endpoint, direction: u8, port: u16) -> u32:
    """The PolicyAction for the flow of `scratch`, with its rule, rule set and refusal written there. While a change is under way,
    what both say: old and new must let it pass, and a request is judged by one rule set, so two of them wait."""
    columns: u32 = scratch.control & BOTH_COLUMNS
    if columns == 0:
        scratch.reason = Reason.NOT_LOADED
        return PolicyAction.REFUSE
    if columns != BOTH_COLUMNS:
        return decide_column(scratch, endpoint, direction, port, 1 if columns == 2 else 0)
    first = decide_column(scratch, endpoint, direction, port, 0)
    if first == PolicyAction.REFUSE:
        return PolicyAction.REFUSE
    rule_set: u32 = scratch.rule_set
    second = decide_column(scratch, endpoint, direction, port, 1)
    if first != PolicyAction.INSPECT or second == PolicyAction.REFUSE:
        return second  # between watching and letting pass the new one decides: neither refuses
    if second == PolicyAction.INSPECT and rule_set != scratch.rule_set:
        scratch.reason = Reason.UPDATING
        scratch.refusal = Refusal.DROP
        return PolicyAction.REFUSE
    scratch.rule_set = rule_set
    return PolicyAction.INSPECT


@subprogram
def decide_column(scratch: Scratch, endpoint: Endpoint, direction: u8, port: u16, column: u32) -> u32:
    """As `decide`, in one column."""
    scratch.reason = Reason.POLICY
    scratch.refusal = Refusal.DROP
    scratch.rule = 0
    scratch.rule_set = 0
    identity = identity_of(scratch.key.remote_address, column)
    scratch.peer_identity = identity
    scratch.identity = endpoint.identities[column & 1]
    side = endpoint.sides[(direction * 2 + column) & 3]
    if side == OPEN_SIDE:
        return PolicyAction.ALLOW
    if side == CLOSED_SIDE:
        scratch.reason = Reason.NOT_LOADED
        return PolicyAction.REFUSE
    return follow(scratch, start(side, identity), port)


@function
def start(side: u32, identity: u32) -> u32:
    """The entry where the search for this peer begins; 0, the decision that refuses, where nothing is known of the side."""
    key = PeerKey()
    key.side = side
    key.identity = identity
    own = peers.lookup(key)
    if own is not None:
        return own.value
    key.identity = ANY_PEER
    anybody = peers.lookup(key)
    if anybody is not None:
        return anybody.value
    return 0


@function
def follow(scratch: Scratch, entry: u32, port: u16) -> u32:
    """From an entry down to its decision."""
    entry = beneath(entry, scratch.protocol)
    entry = beneath(entry, port >> 8)
    entry = beneath(entry, port & 0xFF)
    found = decisions.lookup(entry)  # a page below the last level is no decision's number
    if found is None:
        scratch.reason = Reason.NOT_LOADED
        return PolicyAction.REFUSE
    scratch.rule = found.rule
    scratch.rule_set = found.rule_set
    scratch.refusal = found.refusal
    if found.audited != 0:
        scratch.audited = 1
        scratch.rule = found.audit_rule
    if found.action == PolicyAction.ALLOW or found.action == PolicyAction.WATCH or found.action == PolicyAction.INSPECT:
        return found.action
    return PolicyAction.REFUSE


@function
def beneath(entry: u32, index: u8) -> u32:
    """The entry at `index` of a page; a decision's number stays what it is; 0 when the page is not there."""
    if (entry & IS_PAGE) == 0:
        return entry
    page = pages.lookup(entry & (IS_PAGE - 1))
    if page is None:
        return 0
    return page.entries[index]


@function
def is_open(scratch: Scratch, endpoint: Endpoint, direction: u8) -> bool:
    """Whether no policy enforces this direction, in any column that counts."""
    columns: u32 = scratch.control & BOTH_COLUMNS
    if columns == 0 or ((columns & 1) != 0 and endpoint.sides[(direction * 2) & 3] != OPEN_SIDE):
        return False
    return (columns & 2) == 0 or endpoint.sides[(direction * 2 + 1) & 3] == OPEN_SIDE
