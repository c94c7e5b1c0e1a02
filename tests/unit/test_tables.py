# SPDX-License-Identifier: Apache-2.0
"""Claims about tables: cells survive as they are, unequal tables are refused."""

import csv

import pytest

from r1repro.errors import InputError
from r1repro.tables import csv_text, join_tables, read_table

ROWS = [
    {"name": 'a,"b"\n', "share": 0.1, "count": 3, "gap": ""},
    {"name": "中文", "share": 1e-07, "count": 10**20, "gap": 0.5},
]


def test_cells_survive_writing_and_reading(tmp_path):
    """Read back by Python's own csv module."""
    path = tmp_path / "t.csv"
    path.write_text(csv_text(ROWS), encoding="utf-8")
    with open(path, encoding="utf-8", newline="") as handle:
        got = list(csv.DictReader(handle))
    assert [row["name"] for row in got] == ['a,"b"\n', "中文"]
    assert [float(row["share"]) for row in got] == [0.1, 1e-07]
    assert [int(row["count"]) for row in got] == [3, 10**20]
    assert [row["gap"] for row in got] == ["", "0.5"]


def test_joining_keeps_every_cell_as_text(tmp_path):
    for name, body in (("a", "x,y\n0.10,NA\n"), ("b", "x,y\n1e3,007\n")):
        (tmp_path / name).write_text(body)
    assert join_tables([tmp_path / "a", tmp_path / "b"]) == "x,y\n0.10,NA\n1e3,007\n"


def test_other_columns_are_refused_with_the_file(tmp_path):
    (tmp_path / "a").write_text("x,y\n1,2\n")
    (tmp_path / "b").write_text("x,z\n1,2\n")
    with pytest.raises(InputError, match=r"b has the columns"):
        join_tables([tmp_path / "a", tmp_path / "b"])
    with pytest.raises(ValueError, match="differ"):
        csv_text([{"x": 1}, {"y": 1}])


@pytest.mark.parametrize("content", [None, b"", b'x,y\n"1,2\n3', b"\xff\xfe\x00"])
def test_what_is_no_table_is_one_sentence(tmp_path, content):
    path = tmp_path / "t.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"t\.csv"):
        read_table(path)
