"""`formatted` changes the layout of a text and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybpf.compiler.diag import CompileError, Source
from pybpf.compiler.policy.language import formatted, read
from pybpf.compiler.policy.language.syntax import comments, tokens

UGLY = """#first
import   "a.policy"
let x=labels app=a   ,  b!=c
# about y

let y = requests GET /a, # one
   POST /b
policy a   for $x{ audit   allow from $x or world on port 80:$y # behind
# before deny
deny from host{on port 1 on icmp 8}on deny reset
  # last of the policy
}
policy b for !x , y in(1,2) { allow to anybody on port 80:
  GET /a, GET|POST /b header x="y" }
# the end
"""
WELL = """# first
import "a.policy"
let x = labels app=a, b!=c
# about y

let y = requests
  GET /a,  # one
  POST /b

policy a for $x {
  audit
  allow from $x or world on port 80: $y  # behind
  # before deny
  deny from host {
    on port 1
    on icmp 8
  } on deny reset
  # last of the policy
}

policy b for !x, y in (1, 2) {
  allow to anybody on port 80:
    GET /a,
    GET|POST /b header x = "y"
}

# the end
"""


def test_a_text_is_well_set() -> None:
    assert formatted(Source("a.policy", UGLY)) == WELL


def test_what_is_well_set_stays_as_it_is() -> None:
    assert formatted(Source("a.policy", WELL)) == WELL


def test_a_long_rule_is_set_over_several_lines() -> None:
    peers = " or ".join(f"app=a{number}" for number in range(12))
    text = f"policy a for app=a {{\n  allow from {peers} on port 80: GET /flights, POST /orders on deny reset\n}}\n"
    lines = formatted(Source("a.policy", text)).splitlines()
    assert len(lines) == 18
    assert all(len(line) <= 110 for line in lines)
    assert formatted(Source("a.policy", "\n".join(lines) + "\n")).splitlines() == lines


def test_a_text_that_does_not_parse_is_refused_with_all_that_is_wrong() -> None:
    with pytest.raises(CompileError) as caught:
        formatted(Source("a.policy", "policy a for {}\npolicy b for {}\n"))
    assert [each.span.line for each in caught.value.diagnostics] == [1, 2]


BLANKS = ["\n", "  ", "\n\n\n"]
WORDS = [*BLANKS, " # note\n", "\n# alone\n"]
TIGHT = ("=", "!=", "in", "(")  # a label is known by them, so that no comment stands before


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_blanks_and_comments_between_any_two_words_change_nothing(data: st.DataObject) -> None:
    words = [str(each) for each in tokens(WELL)]
    between = [data.draw(st.sampled_from(BLANKS if after in TIGHT else WORDS)) for after in (*words[1:], "")]
    text = "".join(map("".join, zip(words, between, strict=True)))
    once = formatted(Source("a.policy", text))
    assert formatted(Source("a.policy", once)) == once
    assert [str(each) for each in tokens(once)] == words
    assert len(comments(once)) == len(comments(text))


def test_what_is_well_set_means_the_same() -> None:
    text = UGLY.replace('import   "a.policy"\n', "")
    assert read(Source("a.policy", text)).policies == read(Source("a.policy", formatted(Source("a.policy", text)))).policies
