"""Strict parsing of a page, for tests of its structure and accessibility."""

import re
from html.parser import HTMLParser

VOID = {"meta", "br"}


class Element:
    """A tag with its attributes, and the text inside it."""

    def __init__(self, tag: str, attributes: dict[str, str], parents: tuple[str, ...]) -> None:
        self.tag = tag
        self.attributes = attributes
        self.parents = parents
        self.text = ""


class HtmlPage(HTMLParser):
    """The elements of a page in their order. Raises ValueError where a tag is not closed where it should be."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        if not html.startswith("<!doctype html>\n"):
            raise ValueError("no doctype")
        self.feed(html)
        self.close()
        if self._open:
            raise ValueError(f"left open: {[each.tag for each in self._open]}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element."""
        element = Element(tag, {name: value or "" for name, value in attrs}, tuple(each.tag for each in self._open))
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        """Close the element that was opened last."""
        if not self._open or self._open[-1].tag != tag:
            raise ValueError(f"</{tag}> closes {self._open[-1].tag if self._open else 'nothing'}")
        self._open.pop()

    def handle_data(self, data: str) -> None:
        """Text belongs to every element it stands in."""
        for element in self._open:
            element.text += data

    def all(self, *tags: str) -> list[Element]:
        """The elements of these tags, in order."""
        return [each for each in self.elements if each.tag in tags]

    def one(self, tag: str) -> Element:
        """The only element of its tag. Raises ValueError where there is none, or more."""
        (found,) = self.all(tag)
        return found


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours written #rrggbb (WCAG 2.2, 1.4.3)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    if not re.fullmatch(r"#[0-9a-f]{6}", colour):
        raise ValueError(f"not a colour: {colour}")
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
