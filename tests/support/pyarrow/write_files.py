"""Writes the same rows as Parquet files in many ways, and beside them the JSON that each row has to become.

    write_files.py FOLDER

Makes FOLDER/table-definition.json, FOLDER/source/s/t/*.parquet and FOLDER/expected.ndjson. The JSON is written down here
value by value; nothing of it is computed from the files.
"""

import decimal
import json
import pathlib
import sys
from datetime import date, datetime, time, timezone

import pyarrow as pa
import pyarrow.parquet as pq

D = decimal.Decimal
UTC = timezone.utc

# (name, type in the file, members of the definition, values with the JSON of each; None is NULL)
COLUMNS = [
    ("id", pa.int64(), {"ColumnType": "INT8", "ColumnNullable": "false", "ColumnIsPk": "true"},
     [(1, "1"), (2, "2"), (9007199254740993, "9007199254740993"), (-9223372036854775808, "-9223372036854775808")]),
    ("i1", pa.int8(), {"ColumnType": "INT1"}, [(-128, "-128"), (127, "127"), (None, "null"), (0, "0")]),
    ("i2", pa.int16(), {"ColumnType": "INT2"}, [(-32768, "-32768"), (32767, "32767"), (None, "null"), (7, "7")]),
    ("i4", pa.int32(), {"ColumnType": "INT4"}, [(-2147483648, "-2147483648"), (None, "null"), (2147483647, "2147483647"), (0, "0")]),
    ("u1", pa.uint8(), {"ColumnType": "UINT1"}, [(255, "255"), (0, "0"), (None, "null"), (128, "128")]),
    ("u2", pa.uint16(), {"ColumnType": "UINT2"}, [(65535, "65535"), (0, "0"), (None, "null"), (32768, "32768")]),
    ("u4", pa.uint32(), {"ColumnType": "UINT4"}, [(4294967295, "4294967295"), (2147483648, "2147483648"), (None, "null"), (0, "0")]),
    ("u8", pa.uint64(), {"ColumnType": "UINT8"}, [(18446744073709551615, "18446744073709551615"), (9223372036854775808, "9223372036854775808"), (None, "null"), (0, "0")]),
    ("d5", pa.decimal128(5, 2), {"ColumnType": "NUMERIC", "ColumnPrecision": "5", "ColumnScale": "2"},
     [(D("123.45"), "123.45"), (D("-0.01"), "-0.01"), (None, "null"), (D("7.00"), "7")]),
    ("d18", pa.decimal128(18, 6), {"ColumnType": "NUMERIC", "ColumnPrecision": "18", "ColumnScale": "6"},
     [(D("123456789012.345678"), "123456789012.345678"), (D("-999999999999.999999"), "-999999999999.999999"), (None, "null"), (D("0.000001"), "0.000001")]),
    ("d38", pa.decimal128(38, 10), {"ColumnType": "NUMERIC", "ColumnPrecision": "38", "ColumnScale": "10"},
     [(D("1234567890123456789012345678.0123456789"), "1234567890123456789012345678.0123456789"), (D("-0.0000000001"), "-0.0000000001"), (None, "null"), (D("1E+27"), "1000000000000000000000000000")]),
    ("f4", pa.float32(), {"ColumnType": "REAL4"}, [(2.2, "2.20000005"), (0.0, "0"), (None, "null"), (-1.5, "-1.5")]),
    ("f8", pa.float64(), {"ColumnType": "REAL8"}, [(20.2, "20.2"), (0.1, "0.1"), (None, "null"), (-1e-7, "-1e-07")]),
    ("b", pa.bool_(), {"ColumnType": "BOOLEAN"}, [(True, "true"), (False, "false"), (None, "null"), (True, "true")]),
    ("bi", pa.bool_(), {"ColumnType": "INT1"}, [(True, "1"), (False, "0"), (None, "null"), (True, "1")]),
    ("s", pa.string(), {"ColumnType": "STRING", "ColumnLength": "100"},
     [("plain", '"plain"'), ('a "quoted", text', '"a \\"quoted\\", text"'), (None, "null"), ("two\nlines, Zürich 東京 😀", '"two\\nlines, Zürich 東京 😀"')]),
    ("e", pa.string(), {"ColumnType": "STRING", "ColumnLength": "100"},
     [("", '""'), (" blanks ", '" blanks "'), (None, "null"), ("same", '"same"')]),
    ("ls", pa.large_string(), {"ColumnType": "CLOB"}, [("x" * 3000, json.dumps("x" * 3000)), ("", '""'), (None, "null"), ("\t", '"\\t"')]),
    ("dict", pa.dictionary(pa.int32(), pa.string()), {"ColumnType": "STRING", "ColumnLength": "10"},
     [("red", '"red"'), ("green", '"green"'), (None, "null"), ("red", '"red"')]),
    ("bin", pa.binary(), {"ColumnType": "BLOB"}, [(b"\x00\xff", '"0x00FF"'), (b"", '""'), (None, "null"), (b"abc", '"0x616263"')]),
    ("fix", pa.binary(4), {"ColumnType": "BYTE", "ColumnLength": "4"},
     [(b"\x01\x02\x03\x04", '"0x01020304"'), (b"\xde\xad\xbe\xef", '"0xDEADBEEF"'), (None, "null"), (b"\x00" * 4, '"0x00000000"')]),
    ("txt", pa.binary(), {"ColumnType": "STRING", "ColumnLength": "20"}, [(b"as text", '"as text"'), (b"x", '"x"'), (None, "null"), (b"y", '"y"')]),
    ("day", pa.date32(), {"ColumnType": "DATE"},
     [(date(2024, 2, 29), '"2024-02-29"'), (date(1, 1, 1), '"0001-01-01"'), (None, "null"), (date(9999, 12, 31), '"9999-12-31"')]),
    ("day_at", pa.date32(), {"ColumnType": "DATETIME"}, [(date(2014, 6, 4), '"2014-06-04T00:00:00Z"'), (date(1970, 1, 1), '"1970-01-01T00:00:00Z"'), (None, "null"), (date(1969, 12, 31), '"1969-12-31T00:00:00Z"')]),
    ("day_us", pa.date32(), {"ColumnType": "DATE", "ColumnDateFormat": "MM/dd/YYYY HH:mm:ss"},
     [(date(2014, 6, 4), '"2014-06-04"'), (date(1970, 1, 1), '"1970-01-01"'), (None, "null"), (date(1969, 12, 31), '"1969-12-31"')]),
    ("t_ms", pa.time32("ms"), {"ColumnType": "TIME"}, [(time(23, 59, 59, 999000), '"23:59:59.999"'), (time(0, 0), '"00:00:00"'), (None, "null"), (time(1, 2, 3), '"01:02:03"')]),
    ("t_us", pa.time64("us"), {"ColumnType": "TIME"}, [(time(23, 59, 59, 999999), '"23:59:59.999999"'), (time(12, 0, 0, 500000), '"12:00:00.5"'), (None, "null"), (time(0, 0), '"00:00:00"')]),
    ("ts_ms", pa.timestamp("ms"), {"ColumnType": "DATETIME", "ColumnScale": "3"},
     [(datetime(2023, 11, 14, 22, 13, 20, 123000), '"2023-11-14T22:13:20.123Z"'), (datetime(1969, 12, 31, 23, 59, 59), '"1969-12-31T23:59:59Z"'), (None, "null"), (datetime(9999, 12, 31, 23, 59, 59, 999000), '"9999-12-31T23:59:59.999Z"')]),
    ("ts_us", pa.timestamp("us", tz="UTC"), {"ColumnType": "DATETIME", "ColumnScale": "6"},
     [(datetime(2023, 11, 14, 22, 13, 20, 1, UTC), '"2023-11-14T22:13:20.000001Z"'), (datetime(1901, 1, 1, tzinfo=UTC), '"1901-01-01T00:00:00Z"'), (None, "null"), (datetime(2262, 4, 11, tzinfo=UTC), '"2262-04-11T00:00:00Z"')]),
    ("ts_ns", pa.timestamp("ns"), {"ColumnType": "TIMESTAMP", "ColumnScale": "9"},
     [(1700000000123456789, '"2023-11-14T22:13:20.123456789Z"'), (-1, '"1969-12-31T23:59:59.999999999Z"'), (None, "null"), (0, '"1970-01-01T00:00:00Z"')]),
    ("later", None, {"ColumnType": "STRING", "ColumnLength": "5"}, [(None, "null")] * 4),
]
REPEATS = 500

# How each file is written. The first version of the format has no time stamps below a microsecond.
WAYS = {
    "snappy-v1": dict(compression="snappy", version="1.0", coerce_timestamps=None, skip=["ts_ns", "u4"]),
    "none-plain": dict(compression="none", use_dictionary=False),
    "gzip-pages-v2": dict(compression="gzip", data_page_version="2.0"),
    "zstd-small-pages": dict(compression="zstd", data_page_size=64, row_group_size=300),
    "lz4-delta": dict(compression="lz4", use_dictionary=False, column_encoding={"id": "DELTA_BINARY_PACKED", "s": "DELTA_BYTE_ARRAY", "ls": "DELTA_LENGTH_BYTE_ARRAY", "f8": "BYTE_STREAM_SPLIT"}),
    "brotli-index": dict(compression="brotli", write_page_index=True, row_group_size=100),
    "int96": dict(compression="snappy", use_deprecated_int96_timestamps=True, skip=["ts_ms", "ts_us"]),
    "integer-decimals": dict(compression="snappy", store_decimal_as_integer=True),
    "checksums-no-statistics": dict(compression="snappy", write_page_checksum=True, write_statistics=False),
}


def definition():
    columns = []
    for name, _, members, _ in COLUMNS:
        column = {"ColumnName": name, "ColumnNullable": "true"}
        column.update(members)
        columns.append(column)
    table = {"TableName": "t", "TablePath": "s/t/", "TableOwner": "s", "TableColumns": columns, "TableColumnsTotal": str(len(columns))}
    return {"TableCount": "1", "Tables": [table]}


def arrow_table(skip):
    columns = [(name, kind, values) for name, kind, _, values in COLUMNS if kind is not None and name not in skip]
    # The order of the file is not that of the definition.
    columns.reverse()
    arrays = [pa.array([value for value, _ in values] * REPEATS, type=kind) for _, kind, values in columns]
    fields = [pa.field(name, kind, nullable=name != "id") for name, kind, _ in columns]
    return pa.table(arrays, schema=pa.schema(fields))


def expected(skip):
    rows = []
    for index in range(4):
        members = [f'"{name}":{"null" if name in skip else values[index][1]}' for name, _, _, values in COLUMNS]
        rows.append("{" + ",".join(members) + "}")
    return rows * REPEATS


def main():
    folder = pathlib.Path(sys.argv[1])
    source = folder / "source/s/t"
    source.mkdir(parents=True)
    (folder / "table-definition.json").write_text(json.dumps(definition()))
    with open(folder / "expected.ndjson", "w", encoding="utf-8") as out:
        for name, way in WAYS.items():
            way = dict(way)
            skip = way.pop("skip", [])
            pq.write_table(arrow_table(skip), source / f"{name}.parquet", **way)
            json.dump({"key": f"s/t/{name}.parquet", "rows": expected(skip)}, out)
            out.write("\n")


main()
