"""Evaluates SQL expressions over rows with the SQLite of Python's standard library.

    evaluate.py < QUESTION > ANSWER

The question is one JSON object: `rows` (objects from name to value; bytes as {"hex": ...}), `fixed` (values of names that are
the same in every row) and `expressions`. The answer has one JSON value per line: the version of SQLite, then for each
expression a list with two answers per row, that of the expression as it is and that of the expression as text. Text and
bytes are given as hexadecimal digits, because not every text of SQLite is a text of Python. The functions of DMS that SQLite does not have are written down here a second time.
"""

import hashlib
import json
import sqlite3
import sys


def to_sqlite(value):
    return bytes.fromhex(value["hex"]) if isinstance(value, dict) else value


def hash_sha256(text):
    if text is None:
        return None
    return hashlib.sha256(text).hexdigest().upper()


def replace_chars(text, old, new):
    if text is None or old is None or new is None:
        return None
    text, old, new = (part.decode() for part in (text, old, new))
    table = {}
    for place, character in enumerate(old):
        table.setdefault(ord(character), new[place] if place < len(new) else None)
    return text.translate(table)


def answer(cursor, statement, row):
    try:
        value = cursor.execute(statement, row).fetchone()[0]
    except (sqlite3.Error, OverflowError):
        return "error"
    if value is None:
        return "null"
    if isinstance(value, int):
        return f"integer {value}"
    if isinstance(value, float):
        return f"real {value!r}"
    return f"bytes {value.hex()}"


def bytes_of(function):
    """Functions are handed texts as `str` whatever the text factory is."""

    def wrapped(*values):
        return function(*(value.encode() if isinstance(value, str) else value for value in values))

    return wrapped


def main():
    question = json.load(sys.stdin)
    connection = sqlite3.connect(":memory:")
    connection.text_factory = bytes
    connection.create_function("hash_sha256", 1, bytes_of(hash_sha256), deterministic=True)
    connection.create_function("replaceChars", 3, bytes_of(replace_chars), deterministic=True)
    cursor = connection.cursor()
    rows = []
    for row in question["rows"]:
        row = {name: to_sqlite(value) for name, value in row.items()}
        rows.append({**row, **question["fixed"]})
    print(json.dumps(sqlite3.sqlite_version))
    for expression in question["expressions"]:
        answers = []
        for row in rows:
            plain = answer(cursor, f"SELECT ({expression})", row)
            text = answer(cursor, f"SELECT CAST(({expression}) AS TEXT)", row)
            answers.append([plain, text])
        print(json.dumps(answers))


main()
