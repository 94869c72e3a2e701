"""Tables run nothing in a spreadsheet, come back as they were, and are read as spreadsheets write them."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from CalcScoreLogic.csv_files import as_cell, from_cell, read_csv, to_csv
from CalcScoreLogic.errors import InputError


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ('=HYPERLINK("http://x")', '\'=HYPERLINK("http://x")'),
        ("+1", "'+1"),
        ("-P001", "'-P001"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("＝1", "'＝1"),
        ("'=1", "''=1"),
        ("P-1", "P-1"),
        ("O'Neill", "O'Neill"),
        ("'quoted'", "'quoted'"),
        ("", ""),
        (-0.5, -0.5),
        (None, None),
    ],
)
def test_text_that_a_spreadsheet_would_run(text: object, cell: object) -> None:
    assert as_cell(text) == cell
    assert not isinstance(text, str) or from_cell(str(cell)) == text


@given(st.text("=+-@'\t aé山", max_size=8))
def test_every_text_comes_back(text: str) -> None:
    cell = as_cell(text)
    assert from_cell(cell) == text
    assert cell[:1] not in ("=", "+", "-", "@", "\t")


def test_a_written_table_holds_no_formula_and_is_read_back(tmp_path: Path) -> None:
    rows = [{"case": "=1+1", "reason": '@x, "y"\nz', "figure": -1.5}, {"case": "'-a", "reason": None, "figure": 2}]
    text = to_csv(rows, ("case", "reason", "figure"))
    cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    assert [cell for cell in cells if cell[:1] in ("=", "+", "-", "@")] == ["-1.5"]
    (tmp_path / "t.csv").write_bytes(text.encode())
    assert [line.cells for line in read_csv(tmp_path / "t.csv", ("case", "reason"))] == [
        {"case": "=1+1", "reason": '@x, "y"\nz', "figure": "-1.5"},
        {"case": "'-a", "reason": "", "figure": "2"},
    ]


@pytest.mark.parametrize(
    "content",
    [
        "case,path\r\nP.1,a b.nii\r\n",
        "CASE , Path\r\nP.1 , a b.nii\r\n",
        "sep=;\r\nCase;Path\r\nP.1;a b.nii\r\n;;\r\n\r\n",
        '"sep=,"\r\ncase,path\r\nP.1,a b.nii\r\n',
        "case\tpath\tnote\r\nP.1\ta b.nii\r\n",
        "sep=\t\r\ncase\tpath\r\nP.1\ta b.nii\r\n",
        "case;path;note, free text\r\nP.1;a b.nii;x, y\r\n",
        '"case";"path"\r\n"P.1";"a b.nii"\r\n',
        "\r\n,,\r\nnote,case,path\r\n,P.1,a b.nii\r\n,,,,\r\n",
        "case,path\rP.1,a b.nii\r",
        '"case","path","no\r\nte"\r\n"P.1","a b.nii",""\r\n',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_tables_as_spreadsheets_write_them(content: str, encoding: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(content.encode(encoding))
    (line,) = read_csv(tmp_path / "t.csv", ("case", "path"))
    assert (line.cells["case"], line.cells["path"]) == ("P.1", "a b.nii")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name,path\na,b\n", "no column case, its first row"),
        (b"", "no column case, path"),
        (b"case,path\na,x\nb,C:/x,y.nii\n", "line 3 has 3 cells and the first row 2"),
        (b'case,path\na,x\nb,"x"y\n', "line 3 cannot be read"),
        (b'case,path\na,x\nb,"x\n', "line 4 cannot be read|line 3 cannot be read"),
        (b"case,path\na,x\nM\xfcller,y\n", "line 3 is not UTF-8"),
        (b"case,path,CASE\na,x,b\n", "column case more than once"),
        (b"sep=;\ncase;path\na;b;c;d\n", "line 3 has 4 cells"),
    ],
)
def test_what_cannot_be_read_names_the_row(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_csv(tmp_path / "t.csv", ("case", "path"))
