"""Finds the place of a fault in Cedar text: Cedar says what is wrong, and not where.

Text is cut into tokens and, at each semicolon, into policies. The place of a syntax error is the first token with which
the text cannot be continued any more: what stands before it lacks only its end.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated

from msgspec import Meta, Struct

MOST_TOKENS = 600
MOST_NESTED = 40
"""Cedar's parser calls itself for each bracket and each operator, and a text that is deep enough ends the process.

Both limits are a third of what it was seen to bear, and several times what a policy needs.
"""

_TOKEN = re.compile(r'//[^\n\r]*|"(?:\\.|[^"\\])*"|[A-Za-z_]\w*|\d+|::|==|!=|<=|>=|&&|\|\||\S', re.DOTALL)
_LINE_END = re.compile(r"\r\n?|\n")
_BREAKS = "\t\n\r"
_NOT_SEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Kinds of characters that nobody sees, or that some readers take for the end of a line and Cedar does not."""
_QUOTED = re.compile(r"`([^`]+)`")
_WORD = re.compile(r"@?[A-Za-z_]\w*")
_OPENING, _CLOSING = "([{", ")]}"
_ENDS_EARLY = "unexpected end of input"


class PolicyFault(Struct, kw_only=True, frozen=True):
    """What is wrong with a policy set, and where."""

    source: Annotated[
        str, Meta(description="`cedar`: the text. `rules`: a standard rule. `tests`: a case.", examples=["cedar"])
    ]
    policy_id: Annotated[str | None, Meta(description="The `@id` of the policy, where it has one.")]
    line: Annotated[int | None, Meta(description="The line in that source, the first being 1; null if it has none.")]
    column: Annotated[int | None, Meta(description="The column in that line, the first being 1.")]
    text: Annotated[str | None, Meta(description="What stands at that place.", examples=["duration_hourz"])]
    detail: Annotated[str, Meta(description="What is wrong with it, in words.")]


class Token(Struct, kw_only=True, frozen=True):
    """A word, a number, a text in quotes or a sign, with its place."""

    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


class PolicyText(Struct, kw_only=True, frozen=True):
    """The text of one policy within the whole one, with its tokens."""

    whole: str
    tokens: tuple[Token, ...]

    @property
    def text(self) -> str:
        return self.whole[self.tokens[0].start : self.tokens[-1].end]

    @property
    def policy_id(self) -> str | None:
        """What it gives as its `@id`."""
        texts = [token.text for token in self.tokens[:60]]
        for at, text in enumerate(texts[:-3]):
            if text == "@" and texts[at + 1 : at + 3] == ["id", "("]:
                return texts[at + 3].strip('"')
        return None

    def fault(self, detail: str, token: Token | None = None) -> PolicyFault:
        """A fault of this policy, at a token, or at its beginning."""
        at = token or self.tokens[0]
        line, column = place(self.whole, at.start)
        return PolicyFault(
            source="cedar",
            policy_id=self.policy_id,
            line=line,
            column=column,
            text=at.text[:200],
            detail=detail,
        )

    def too_much(self) -> PolicyFault | None:
        """The fault of a policy that is too long or too deep to be given to Cedar."""
        if len(self.tokens) > MOST_TOKENS:
            return self.fault(f"a policy has at most {MOST_TOKENS} words and signs: make several of it")
        depth = 0
        for token in self.tokens:
            depth += (token.text in _OPENING) - (token.text in _CLOSING)
            if depth > MOST_NESTED:
                return self.fault(f"brackets stand within one another at most {MOST_NESTED} times", token)
        return None

    def unreadable(self, complaint: Callable[[str], str | None]) -> PolicyFault | None:
        """The syntax error, if there is one. `complaint` is what Cedar says of a text, None where it can read it."""
        said = complaint(self.text)
        if said is None:
            return None
        least, most = 0, len(self.tokens) - 1
        while least < most:  # the first token that is one too many
            middle = (least + most) // 2
            so_far = complaint(self.whole[self.tokens[0].start : self.tokens[middle].end])
            least, most = (middle + 1, most) if so_far == _ENDS_EARLY else (least, middle)
        token = self.tokens[least]
        if said == _ENDS_EARLY:
            return self.fault("it ends too early: each policy ends with a semicolon", token)
        return self.fault(said, token if token.text != ";" else self.named(said))

    def named(self, said: str) -> Token:
        """The token that a message is about: the first of its names that the policy has; else where it begins to speak.

        That is its condition, where the message is about a type, and its effect otherwise.
        """
        names = [*_QUOTED.findall(said), *_WORD.findall(said)]
        for name in names:
            bare = name.removeprefix("@").strip('"')
            for before, token in zip((None, *self.tokens), self.tokens, strict=False):
                is_annotation = before is not None and before.text == "@"
                if token.text in (bare, f'"{bare}"') and is_annotation == name.startswith("@"):
                    return token
        first = ("when", "unless") if "type" in said else ("permit", "forbid")
        return next((token for token in self.tokens if token.text in first), self.tokens[0])


def in_lines(text: str) -> str:
    """The text with line feeds and without trailing blanks, which is what is examined, digested, parsed and stored.

    A line ends where it ends for Cedar, and nowhere else: else a comment here would be a policy there.
    """
    return "\n".join(line.rstrip(" \t") for line in _LINE_END.split(text))


def unseen_in(text: str, source: str) -> Iterator[PolicyFault]:
    """A fault for each character that is not seen, or that two readers of the text could understand differently."""
    if text.isascii() and text.isprintable():
        return
    for at, character in enumerate(text):
        if character not in _BREAKS and unicodedata.category(character) in _NOT_SEEN:
            line, column = place(text, at)
            code = f"U+{ord(character):04X}"
            detail = f"{code} is a character that is not seen: leave it out"
            yield PolicyFault(source=source, policy_id=None, line=line, column=column, text=code, detail=detail)


def place(text: str, offset: int) -> tuple[int, int]:
    """Line and column of an offset, each counted from 1."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def policies_in(text: str) -> list[PolicyText]:
    """The policies of a text, in order. What comes after the last semicolon is the last one."""
    return [PolicyText(whole=text, tokens=tuple(tokens)) for tokens in _cut(text)]


def _cut(text: str) -> Iterator[Sequence[Token]]:
    tokens: list[Token] = []
    for found in _TOKEN.finditer(text):
        if found[0].startswith("//"):
            continue
        tokens.append(Token(text=found[0], start=found.start()))
        if found[0] == ";":
            yield tokens
            tokens = []
    if tokens:
        yield tokens
