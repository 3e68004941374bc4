"""Writes parquet/ and parquet.json: small Parquet files and their cells as text.

pip install pyarrow; python3 tables.py
"""
import datetime
import decimal
import json
import pathlib
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

HERE = pathlib.Path(__file__).parent
OUT = HERE / "parquet"

COLUMNS = {
    "flag": (pa.bool_(), [True, False, None], ["true", "false", ""]),
    "i8": (pa.int8(), [-128, 127, None], ["-128", "127", ""]),
    "i16": (pa.int16(), [-32768, 32767, None], ["-32768", "32767", ""]),
    "i32": (pa.int32(), [-2147483648, 2147483647, None], ["-2147483648", "2147483647", ""]),
    "i64": (pa.int64(), [-(2**63), 2**63 - 1, None], ["-9223372036854775808", "9223372036854775807", ""]),
    "u8": (pa.uint8(), [0, 255, None], ["0", "255", ""]),
    "u16": (pa.uint16(), [0, 65535, None], ["0", "65535", ""]),
    "u32": (pa.uint32(), [0, 4294967295, None], ["0", "4294967295", ""]),
    "u64": (pa.uint64(), [0, 2**64 - 1, None], ["0", "18446744073709551615", ""]),
    "f32": (pa.float32(), [0.1, -2.5, None], ["0.1", "-2.5", ""]),
    "f64": (pa.float64(), [0.1 + 0.2, -1e-3, None], ["0.30000000000000004", "-0.001", ""]),
    "text": (pa.string(), ["a", " padded, with comma ", None], ["a", "padded, with comma", ""]),
    "word": (pa.dictionary(pa.int8(), pa.string()), ["yes", "no", None], ["yes", "no", ""]),
}


def main():
    OUT.mkdir(exist_ok=True)
    table = pa.table({n: pa.array(v, type=t) for n, (t, v, _) in COLUMNS.items()})
    write = lambda name, t, **more: pq.write_table(t, OUT / name, store_schema=False, **more)
    for codec in ("none", "snappy", "gzip", "zstd", "lz4", "brotli"):
        write(f"plain-{codec}.parquet", table, compression=codec)
    write("plain-no-dictionary.parquet", table, use_dictionary=False, compression="none")
    write("plain-pages-v2.parquet", table, data_page_version="2.0", compression="snappy")
    ids = pa.table({"id": pa.array([f"case {i}" for i in range(40)]), "n": pa.array(range(40), pa.int32())})
    write("row-groups.parquet", ids, row_group_size=7)
    write("nested.parquet", pa.table({"id": ["1"], "boxes": [[1, 2]]}))
    write("struct.parquet", pa.table({"id": ["1"], "box": [{"x": 1}]}))
    write("no-rows.parquet", table.slice(0, 0))
    days = pa.table({
        "day": pa.array([datetime.date(1970, 1, 2), datetime.date(2026, 2, 28)], pa.date32()),
        "at": pa.array([datetime.datetime(1970, 1, 1), datetime.datetime(2026, 2, 28, 13, 45)], pa.timestamp("ms")),
        "price": pa.array([decimal.Decimal("1.50"), decimal.Decimal("-0.25")], pa.decimal128(5, 2)),
        "half": pa.array(np.array([0.5, -2.0], np.float16)),
        "raw": pa.array([b"ab", b"c"], pa.binary()),
    })
    write("dates.parquet", days)
    out = {
        "tool": f"Python {sys.version.split()[0]}, pyarrow {pa.__version__}",
        "command": "python3 tables.py",
        "plain": {n: text for n, (_, _, text) in COLUMNS.items()},
    }
    (HERE / "parquet.json").write_text(json.dumps(out, indent=1) + "\n")


main()
