"""Reading everything back on a restart: things row by row, frames in bulk straight into columns.

The farm is made of them in `engine.farm_rows.load_farm`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice, pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Table, select

from cuebot.domain.frames import COLUMNS
from cuebot.engine.farm_rows import FrameRows, Row, Rows
from cuebot.journal.tables import FRAME, JOURNAL, TABLES

_CHUNK_ROWS: Final = 65_536
_DTYPES: Final[dict[str, Any]] = {
    "idx": np.int32,
    "dispatch_order": np.int32,
    **{name: dtype for name, (dtype, _) in COLUMNS.items()},
}
_NAMES: Final = tuple(column.name for column in FRAME.columns)
_ORDER: Final = ("key", "row", "created_us", "submitted_us", "booked_us", "answered_us")
"""The column that says in which order things came to be, where a table has one."""
_COPY_HEADER_BYTES: Final = 19


def load_rows(connection: Connection) -> tuple[Rows, int]:
    """All rows, and the number of the last event, as they are at one moment."""
    rows = Rows()
    for kind, table in TABLES.items():
        found = _things(connection, table)
        if found:
            rows.things[kind] = found
    rows.frames = list(_frames(connection))
    last_seq = connection.execute(select(JOURNAL.c.last_seq)).scalar_one()
    return rows, last_seq


def _things(connection: Connection, table: Table) -> list[Row]:
    """A table's rows in the order in which they came to be: an answered request's age is its place."""
    order = [table.c[name] for name in _ORDER if name in table.c]
    names = [str(column.name) for column in table.columns]  # not quoted names, which are a class of their own
    result = connection.execute(select(table).order_by(*order, table.c.id))
    return [dict(zip(names, values, strict=True)) for values in result]


def _frames(connection: Connection) -> Iterator[FrameRows]:
    """Frame rows by layer. Rows come by primary key, so a layer's lie together, if not always in one chunk."""
    read = _postgresql_chunks if connection.dialect.name == "postgresql" else _sqlite_chunks
    parts: list[FrameRows] = []
    for chunk in read(connection):
        for part in _by_layer(chunk):
            if parts and parts[0].layer_key != part.layer_key:
                yield _joined(parts)
                parts = []
            parts.append(part)
    if parts:
        yield _joined(parts)


def _by_layer(chunk: npt.NDArray[np.int64]) -> Iterator[FrameRows]:
    """A chunk cut where the layer changes; each column gets its type once for the whole chunk."""
    columns = {name: chunk[:, place].astype(_DTYPES[name]) for place, name in enumerate(_NAMES) if place >= 1}
    indices = columns.pop("idx")
    keys = chunk[:, 0]
    cuts = [0, *(np.flatnonzero(np.diff(keys)) + 1).tolist(), len(keys)] if len(keys) else []
    for first, end in pairwise(cuts):
        yield FrameRows(
            int(keys[first]), indices[first:end], {name: values[first:end] for name, values in columns.items()}
        )


def _joined(parts: list[FrameRows]) -> FrameRows:
    """The parts of one layer as one."""
    if len(parts) == 1:
        return parts[0]
    columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns}
    return FrameRows(parts[0].layer_key, np.concatenate([part.indices for part in parts]), columns)


def _sqlite_chunks(connection: Connection) -> Iterator[npt.NDArray[np.int64]]:
    """Frame rows, 65,536 at a time, one array row each.

    The driver's cursor feeds numpy through one flat iterator, so each row's tuple and integers are freed at once and
    their memory is used again for the next: twice as fast as collecting them first.
    """
    cursor: Any = connection.connection.cursor()
    try:
        cursor.execute("SELECT * FROM frame ORDER BY layer_key, idx")
        values: Iterator[int] = chain.from_iterable(cursor)
        while True:
            flat = np.fromiter(islice(values, _CHUNK_ROWS * len(_NAMES)), dtype=np.int64)
            if not len(flat):
                return
            yield flat.reshape(-1, len(_NAMES))
    finally:
        cursor.close()


def _postgresql_chunks(connection: Connection) -> Iterator[npt.NDArray[np.int64]]:
    """Frame rows by COPY in binary: without nulls all records have one size, and numpy reads them as they lie."""
    columns = ", ".join(f"{name}::bigint" for name in _NAMES)
    fields = [(f"{part}_{name}", kind) for name in _NAMES for part, kind in (("size", ">i4"), ("value", ">i8"))]
    record = np.dtype([("fields", ">i2"), *fields])
    query = f"COPY (SELECT {columns} FROM frame ORDER BY layer_key, idx) TO STDOUT (FORMAT binary)"
    raw: Any = connection.connection.driver_connection
    buffer = bytearray()
    ahead = _COPY_HEADER_BYTES
    with raw.cursor() as cursor, cursor.copy(query) as copy:
        for data in copy:
            buffer += data
            if len(buffer) >= _CHUNK_ROWS * record.itemsize:
                del buffer[:ahead]
                ahead = 0
                yield _whole_records(buffer, record)
    del buffer[:ahead]
    yield _whole_records(buffer, record)


def _whole_records(buffer: bytearray, record: np.dtype[Any]) -> npt.NDArray[np.int64]:
    """Take the whole records out of a buffer; what is left is the beginning of the next, or the trailer."""
    count = len(buffer) // record.itemsize
    found = np.frombuffer(bytes(buffer[: count * record.itemsize]), dtype=record)
    del buffer[: count * record.itemsize]
    return np.stack([found[f"value_{name}"].astype(np.int64) for name in _NAMES], axis=1)
