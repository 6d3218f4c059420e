"""Pages, tables and wrapped lines."""

from __future__ import annotations

from tracer.report.layout import fit, page, table

COLUMNS = ["name", "first", "second", "last"]
ROWS = [["a", "1", "22", "333"], ["long name", "", "5", "6"]]


def test_a_page_has_an_empty_line_between_blocks_and_none_for_an_empty_block() -> None:
    assert page([["a", "b"], [], ["c"], []]) == "a\nb\n\nc\n"
    assert page([[], ["a"]]) == "a\n"


def test_a_page_wraps_each_line() -> None:
    words = " ".join(["word"] * 12)
    assert page([["x", words]], 40) == (
        "x\nword word word word word word word word\n  word word word word\n"
    )


def test_an_empty_line_inside_a_block_stays() -> None:
    assert page([["a", "", "b"]]) == "a\n\nb\n"


def test_a_table_aligns_its_first_columns_to_the_left() -> None:
    assert table(ROWS, COLUMNS, 1) == [
        "name       first  second  last",
        "---------  -----  ------  ----",
        "a              1      22   333",
        "long name              5     6",
    ]


def test_a_table_without_rows_has_its_head() -> None:
    assert table([], ["a", "b"], 1) == ["a  b", "-  -"]


def test_a_table_that_is_too_wide_loses_columns_before_the_last_and_names_them() -> None:
    columns = ["name", "x" * 15, "y" * 15, "z" * 15]
    rows = [["a", "1", "2", "3"]]
    assert table(rows, columns, 1, 60) == table(rows, columns, 1)
    lines = table(rows, columns, 1, 45)
    assert lines[0].split() == ["name", "x" * 15, "z" * 15]
    assert lines[2].split() == ["a", "1", "3"]
    assert " ".join(lines[3:]).split() == (f"(no room for: {'y' * 15}; --json has them)".split())


def test_the_answers_columns_go_last() -> None:
    columns = ["name", "w" * 9, "x" * 9, "y" * 9, "z" * 9]
    rows = [["a", "1", "2", "3", "4"]]

    def kept(width: int) -> list[str]:
        return table(rows, columns, 1, width, answer=("w" * 9, "y" * 9))[2].split()

    assert kept(60) == ["a", "1", "2", "3", "4"]
    assert kept(47) == ["a", "1", "2", "3"]
    assert kept(40) == ["a", "1", "2", "3"], "no narrower than 40"
    long = [["a" * 20, "1", "2", "3", "4"]]
    assert table(long, columns, 1, 45, ("w" * 9, "y" * 9))[2].split()[1:] == ["1", "3"]


def test_prose_is_wrapped_and_the_rule_of_a_table_is_not() -> None:
    assert fit("short") == ["short"]
    assert fit("") == [""]
    assert fit("-" * 50, 45) == ["-" * 50]
    assert fit("a-b " * 12, 45) == ["a-b " * 10 + "a-b", "  a-b"]
    assert fit("x" * 60, 10) == ["x" * 40, "  " + "x" * 20], "no narrower than 40"
