"""A dictionary of which some values are found out when somebody looks at them."""

from __future__ import annotations

from typing import Any, Callable, Iterator


class LazyDict(dict[str, Any]):
    """A dictionary whose keys are all there, and some of whose values `find()` gives, once, when one is wanted."""

    def __init__(self, known: dict[str, Any], later: tuple[str, ...], find: Callable[[], dict[str, Any]]) -> None:
        super().__init__({**known, **dict.fromkeys(later)})
        self._later = frozenset(later)
        self._find = find

    def _found(self) -> None:
        if self._later:
            self.update(self._find())
            self._later = frozenset()

    def __getitem__(self, key: str) -> Any:
        if key in self._later:
            self._found()
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value, found out if need be."""
        return self[key] if key in self else default  # noqa: SIM401

    def items(self) -> Any:
        """Return all keys with their values."""
        self._found()
        return super().items()

    def values(self) -> Any:
        """Return all values."""
        self._found()
        return super().values()

    def copy(self) -> dict[str, Any]:
        """Return a plain dictionary of it."""
        return dict(self.items())

    def __iter__(self) -> Iterator[str]:
        return super().__iter__()  # so that `dict(lazy)` asks for the values one by one

    def __eq__(self, other: object) -> bool:
        self._found()
        return super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None

    def __repr__(self) -> str:
        self._found()
        return super().__repr__()

    def __reduce__(self) -> Any:
        return dict, (dict(self.items()),)
