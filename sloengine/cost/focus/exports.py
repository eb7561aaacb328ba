"""A dataset as CSV or Parquet, decimals exact in both."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sloengine.cost.focus.dataset import COLUMNS, Kind, Row, Value

#: 1,000 tokens have 3 decimals, hours 6, prices 8.
PLACES, DIGITS = 14, 38
FORMATS = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


def encoded(rows: Sequence[Row], *, form: str) -> bytes:
    return as_parquet(rows) if form == "parquet" else as_csv(rows)


def as_csv(rows: Sequence[Row]) -> bytes:
    """A line of names, then a line a row; null is empty, times are ISO 8601 in UTC."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_text(row[name]) for name in COLUMNS])
    return out.getvalue().encode()


def _text(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return format(value.normalize(), "f") if value else "0"
    return value.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else value


def as_parquet(rows: Sequence[Row]) -> bytes:
    """Decimals as decimal128(38, 14), times as UTC timestamps."""
    import pyarrow as pa  # as large as all the rest of a web process, and asked for once a night
    import pyarrow.parquet as pq

    kinds = {
        Kind.TEXT: pa.string(),
        Kind.DECIMAL: pa.decimal128(DIGITS, PLACES),
        Kind.TIME: pa.timestamp("us", tz="UTC"),
    }
    schema = pa.schema([(name, kinds[kind]) for name, kind in COLUMNS.items()], metadata={"FocusVersion": "1.2"})
    columns: list[Any] = [pa.array([row[name] for row in rows], type=schema.field(name).type) for name in COLUMNS]
    out = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), out)
    return out.getvalue()
