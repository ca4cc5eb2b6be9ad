"""Text to a tree of elements, safe against documents made to harm.

Entity declarations and external references are refused by defusedxml, an external DTD is never fetched, and the size,
depth and number of elements have limits that hold while the document is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from cuebot.domain.bounds import Bounds
from cuebot.domain.errors import LimitExceeded, quoted
from cuebot.spec.model import SpecError

DOCUMENT = "document"
"""Path of what concerns the document as a whole."""

_NAMED_ELEMENTS = frozenset({"job", "layer", "key", "output"})
_GRAMMAR_VERSION = re.compile(r"cjsl-([0-9]+\.[0-9]+)\.dtd$")


@dataclass(slots=True, eq=False)
class Element:
    """An element with its own text, attributes and children, which knows where it stands."""

    tag: str
    attributes: dict[str, str]
    parent: Element | None = None
    children: list[Element] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The element's own text without blanks around it."""
        return self.exact_text.strip()

    @property
    def exact_text(self) -> str:
        """The element's own text as it was given, blanks and line ends around it included."""
        return "".join(self.pieces)

    @property
    def label(self) -> str:
        """The tag, with the name where the element has one; depends are numbered from 1."""
        if self.tag == "depend" and self.parent is not None:
            return f"depend {list(self.parent.all('depend')).index(self) + 1}"
        name = self.attributes.get("name")
        tag = quoted(self.tag)
        return f'{tag} "{quoted(name)}"' if name is not None and self.tag in _NAMED_ELEMENTS else tag

    @property
    def path(self) -> str:
        """Where the element stands, without the root and the elements that only hold others."""
        labels: list[str] = []
        element: Element | None = self
        while element is not None:
            if element is self or (element.parent is not None and element.tag not in ("layers", "depends")):
                labels.append(element.label)
            element = element.parent
        return " / ".join(reversed(labels))

    def all(self, tag: str) -> Iterator[Element]:
        """Return the children of that tag."""
        return (child for child in self.children if child.tag == tag)

    def first(self, tag: str) -> Element | None:
        """Return the first child of that tag."""
        return next(self.all(tag), None)


def read_tree(data: bytes | str, bounds: Bounds) -> tuple[Element, str | None]:
    """Return the root element, and the version that the DOCTYPE names.

    Raises:
        SpecError: not well-formed, or with entities or external references.
        LimitExceeded: too large, too deep, or too many elements.
    """
    size_bytes = len(data) if isinstance(data, bytes) else _encoded_size_bytes(data)
    if size_bytes > bounds.spec_bytes:
        raise LimitExceeded(
            "job spec, document", "bytes", given=size_bytes, limit="spec_bytes", allowed=bounds.spec_bytes
        )
    builder = _TreeBuilder(bounds)
    parser = DefusedXMLParser(target=builder, forbid_dtd=False, forbid_entities=True, forbid_external=True)
    try:
        parser.feed(data)
        parser.close()
    except ParseError as error:
        raise SpecError(DOCUMENT, f"it is not well-formed XML: {error}. Accepted: one <spec> element.") from error
    except DefusedXmlException as error:
        raise SpecError(
            DOCUMENT, "it declares entities or refers to other documents. Accepted: plain text and &lt; &gt; &amp;."
        ) from error
    except (LookupError, ValueError) as error:  # an encoding that is unknown, or that the parser cannot read
        raise SpecError(DOCUMENT, f"its encoding cannot be read: {error}. Accepted: UTF-8.") from error
    if builder.root is None:
        raise SpecError(DOCUMENT, "it is empty. Accepted: one <spec> element.")
    return builder.root, builder.version


def _encoded_size_bytes(text: str) -> int:
    """Return the size of a text in UTF-8."""
    try:
        return len(text.encode())
    except UnicodeEncodeError as error:
        raise SpecError(DOCUMENT, f"its encoding cannot be read: {error}. Accepted: UTF-8.") from error


class _TreeBuilder:
    """The parser's target: keeps elements, and counts them while they come."""

    def __init__(self, bounds: Bounds) -> None:
        self.root: Element | None = None
        self.version: str | None = None
        self._limits = bounds
        self._open: list[Element] = []
        self._count = 0

    def doctype(self, name: str, public_id: str | None, system_id: str | None) -> None:
        """Keep the version of the grammar; the grammar itself is not fetched."""
        match = _GRAMMAR_VERSION.search(system_id or "")
        self.version = match[1] if match else None

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Open an element."""
        self._count += 1
        if self._count > self._limits.spec_elements:
            raise self._too_large("elements", self._count, "spec_elements", self._limits.spec_elements)
        if len(self._open) >= self._limits.spec_depth:
            raise self._too_large("nested elements", len(self._open) + 1, "spec_depth", self._limits.spec_depth)
        parent = self._open[-1] if self._open else None
        element = Element(tag, attributes, parent)
        if parent is None:
            self.root = element
        else:
            parent.children.append(element)
        self._open.append(element)

    def data(self, text: str) -> None:
        """Keep a piece of text."""
        if self._open:
            self._open[-1].pieces.append(text)

    def end(self, tag: str) -> None:
        """Close an element."""
        self._open.pop()

    def close(self) -> None:
        """End the document; what was read stands in `root`."""

    @staticmethod
    def _too_large(counted: str, given: int, limit: str, allowed: int) -> LimitExceeded:
        return LimitExceeded("job spec, document", counted, given=given, limit=limit, allowed=allowed)
