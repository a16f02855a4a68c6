"""Writes CSV documents at random, and beside each the rows that another reader finds in it.

    write_documents.py python|duckdb FOLDER

Makes FOLDER/documents.ndjson, one object per document: `text`, `delimiter`, `quoting` (false: quotes are ordinary bytes),
`rows`, and `is_open` (a quote is not closed at its end, or has text after it; `rows` are those before it). python: well-formed documents of
`csv.writer`, and soups of delimiters, quotes and line ends, read by `csv.reader`. duckdb: the well-formed ones alone, read by
DuckDB, which tells an empty text (`""`) from NULL (nothing).
"""

import csv
import io
import json
import pathlib
import random
import sys

SEED = 20261123
END = "END-OF-THE-DOCUMENT"
VALUES = ["", "a", " b ", "7", "-0.5", "Zürich", "東京 😀", 'say "hi"', '"', "two\nlines", "two\r\nlines", "a,b;c|d", "\t", "\\", "'", "NULL", "\\N", "x" * 300]


def written(rng, delimiter, line_end):
    """A document as a writer makes it: two columns or more, quotes where they are needed, or everywhere."""
    out = io.StringIO(newline="")
    quoting = rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
    writer = csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=line_end)
    columns = rng.randint(2, 6)
    for _ in range(rng.randint(1, 12)):
        writer.writerow([rng.choice(VALUES) for _ in range(columns)])
    text = out.getvalue()
    return text if rng.random() < 0.7 else text[: -len(line_end)]


def soup(rng, delimiter):
    """A document that no writer would write."""
    tokens = ["a", "b c", " ", "é", '"', '"', '""', delimiter, delimiter, "\n", "\n", "\r\n", '"x"', "\n\n", " \n"]
    if rng.random() < 0.15:
        tokens.append("\r")
    return "".join(rng.choice(tokens) for _ in range(rng.randint(1, 40)))


def by_python(text, delimiter, quoting):
    """The rows of `csv.reader`; `None` if it refuses the document."""
    # A row of its own at the end tells whether a quote is still open there.
    ended = text if text.endswith("\n") or not text else text + "\n"
    quote = csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE
    # Strict: text after a closing quote is an error, and so is a quote that is open at the end.
    reader = csv.reader(io.StringIO(ended + END + "\n", newline=""), delimiter=delimiter, quoting=quote, strict=True)
    rows = []
    try:
        for row in reader:
            rows.append(row)
    except csv.Error as error:
        return None if "new-line" in str(error) else (rows, True)
    is_open = rows[-1] != [END]
    return rows[:-1], is_open


def by_duckdb(connection, folder, text, delimiter, line_end, columns):
    path = folder / "document.csv"
    path.write_bytes(text.encode())
    names = {f"c{index}": "VARCHAR" for index in range(columns)}
    question = connection.read_csv(
        str(path), header=False, sep=delimiter, quotechar='"', escapechar='"', dtype=names, na_values="",
        auto_detect=False, columns=names, lineterminator=repr(line_end)[1:-1], allow_quoted_nulls=False, parallel=False,
    )
    return [list(row) for row in question.fetchall()]


def main():
    reader, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    rng = random.Random(SEED)
    connection = None
    if reader == "duckdb":
        import duckdb

        connection = duckdb.connect()
    with open(folder / "documents.ndjson", "w", encoding="utf-8") as out:
        for number in range(400):
            delimiter = rng.choice([",", ",", ";", "\t", "|"])
            line_end = rng.choice(["\n", "\r\n"])
            quoting, is_open = True, False
            if reader == "duckdb":
                text = written(rng, delimiter, line_end)
                columns = len(next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)))
                rows = by_duckdb(connection, folder, text, delimiter, line_end, columns)
            else:
                text = written(rng, delimiter, line_end) if number % 2 else soup(rng, delimiter)
                quoting = rng.random() < 0.8
                found = by_python(text, delimiter, quoting)
                if found is None:
                    continue
                rows, is_open = found
            document = {"text": text, "delimiter": delimiter, "quoting": quoting, "rows": rows, "is_open": is_open}
            print(json.dumps(document), file=out)


main()
