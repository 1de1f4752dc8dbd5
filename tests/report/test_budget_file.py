"""The budget file: what is written is read back, and the same table gives the same bytes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from docx import Document
from docx.enum.section import WD_ORIENT
from docx.oxml.ns import qn

from sme_analysis.errors import UserError
from sme_analysis.report.budget_file import write_budget_file

TEXT = {
    "title": "=海西州绩效目标表",
    "scenario": "haixi-2020 & more",
    "note": "合成样本测算 Synthetic sample",
}
ROWS = (
    ("cost", "成本指标", "economic cost", "经济成本指标", "Outlay", "财政支出", "<=", 101.0743, "money", "model", "模型测算"),
    ("cost", "成本指标", "economic cost", "经济成本指标", "Price", "净成本", "<=", 0.29, "multiple", "model", "模型测算"),
    ("output", "产出指标", "quantity", "数量指标", "Firms", "企业数", ">=", 1814.7811, "count", "model", "模型测算"),
    ("output", "产出指标", "timeliness", "时效指标", "Days", "天数", "<=", np.nan, "days", "bureau", "主管部门设定"),
    ("benefit", "效益指标", "economic", "经济效益指标", "Fall", "利率降幅", ">=", 0.00202, "change_rate", "model", "模型测算"),
    ("benefit", "效益指标", "social", "社会效益指标", "Exhausted", "耗尽概率", "<=", 0.0004, "share", "scenario", "方案设定"),
)  # fmt: skip
NAMES = ["level_1", "level_1_zh", "level_2", "level_2_zh", "indicator", "indicator_zh", "direction", "value", "unit", "basis",
         "basis_zh"]  # fmt: skip
# the targets of the year as they are written: in 万元, 元/元, 户, 天, basis points and %
SHOWN = (10107.43, 0.29, 1815, None, 20.2, 0.04)
AS_TEXT = ("10,107.43", "0.290", "1,815", "", "20.2", "0.04")


def targets(years: tuple[str, ...] = ("2027", "2027–2031")) -> pd.DataFrame:
    one = pd.DataFrame(ROWS, columns=NAMES).assign(
        rests_on="special_fund, risk_compensation", articles="7, 16"
    )
    one["expected"] = one["value"] * 2
    return pd.concat(
        [one.assign(year=year, value=one["value"] * (k + 1)) for k, year in enumerate(years)],
        ignore_index=True,
    )


def written(path: Path, table: pd.DataFrame | None = None) -> Path:
    write_budget_file(targets() if table is None else table, path, **TEXT)
    return path


def test_a_workbook_holds_numbers_as_numbers(tmp_path: Path) -> None:
    sheet = openpyxl.load_workbook(written(tmp_path / "t.xlsx")).active
    assert sheet["A1"].value == TEXT["title"]
    assert sheet["A1"].data_type == "s"
    assert [cell.value for cell in sheet[3]][4:6] == ["2027", "2027–2031"]
    found = [row[4].value for row in sheet.iter_rows(min_row=4, max_row=9)]
    assert found == list(SHOWN)
    assert (sheet["F4"].value, sheet["H4"].value) == (20214.86, 20214.86)
    formats = [row[4].number_format for row in sheet.iter_rows(min_row=4, max_row=9)]
    assert formats == ["#,##0.00", "#,##0.000", "#,##0", "General", "#,##0.0", "#,##0.00"]
    row = [cell.value for cell in sheet[4]]
    assert row[:4] == ["成本指标\nCost", "经济成本指标\nEconomic cost", "财政支出\nOutlay", "≤"]
    assert row[6] == "万元\nCNY 10,000"
    assert row[9:] == ["模型测算\nmodel", "条例 Art. 7, 16\nspecial_fund, risk_compensation"]


def test_a_workbook_is_merged_and_printed_as_the_official_form(tmp_path: Path) -> None:
    sheet = openpyxl.load_workbook(written(tmp_path / "t.xlsx")).active
    # and no block of one cell, at which Excel offers to repair the file
    assert {str(block) for block in sheet.merged_cells.ranges} == {
        "A1:K1", "A2:A3", "B2:B3", "C2:C3", "D2:D3", "E2:F2", "G2:G3", "H2:I2", "J2:J3", "K2:K3",
        "A4:A5", "B4:B5", "A6:A7", "A8:A9",
    }  # fmt: skip
    assert sheet.print_title_rows == "$2:$3"
    assert (sheet.page_setup.orientation, sheet.page_setup.fitToHeight) == ("landscape", 0)
    assert sheet["C5"].alignment.wrap_text
    assert sheet["C5"].font.name == "SimSun"
    foot = f"方案 Scenario: {TEXT['scenario']} · {TEXT['note']}"
    assert sheet["A10"].value == foot
    assert sheet.oddFooter.left.text == foot.replace("&", "&&")


def test_a_document_holds_the_same_table(tmp_path: Path) -> None:
    document = Document(str(written(tmp_path / "t.docx")))
    (table,) = document.tables
    assert document.paragraphs[0].text == TEXT["title"]
    assert [row.cells[4].text for row in table.rows][:2] == ["指标值\nTarget", "2027"]
    assert tuple(row.cells[4].text for row in table.rows[2:]) == AS_TEXT
    sheet = openpyxl.load_workbook(written(tmp_path / "t.xlsx")).active
    for k, row in enumerate(table.rows[2:], 4):
        for column in (2, 3, 6, 9, 10):
            assert row.cells[column].text == sheet.cell(k, column + 1).value
    assert table.cell(2, 0)._tc is table.cell(3, 0)._tc
    assert table.cell(2, 0).text == "成本指标\nCost"
    assert table.cell(4, 1)._tc is not table.cell(5, 1)._tc


def test_a_document_is_a_landscape_page_with_repeated_heads_and_chinese_fonts(tmp_path: Path) -> None:
    document = Document(str(written(tmp_path / "t.docx")))
    section, table = document.sections[0], document.tables[0]
    assert section.orientation == WD_ORIENT.LANDSCAPE
    inner = section.page_width - section.left_margin - section.right_margin
    assert sum(column.width for column in table.columns) <= inner
    repeated = [row._tr.trPr.find(qn("w:tblHeader")) is not None for row in table.rows]
    assert repeated == [True, True] + [False] * 6
    fonts = list(document.styles.element.iter(qn("w:rFonts")))
    assert fonts[0].getparent().getparent().tag == qn("w:rPrDefault")
    assert {font.get(qn("w:eastAsia")) for font in fonts} == {"SimSun"}
    assert not any("Theme" in name for font in fonts for name in font.attrib)
    assert section.footer.paragraphs[0].text == f"方案 Scenario: {TEXT['scenario']} · {TEXT['note']}"


@pytest.mark.parametrize("suffix", ["xlsx", "docx"])
def test_one_period_alone_has_one_column(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path / f"t.{suffix}", targets(("2027",)))
    if suffix == "docx":
        cells = [cell.text for cell in Document(str(path)).tables[0].rows[2].cells]
    else:
        cells = [cell.value for cell in openpyxl.load_workbook(path).active[4]]
    assert len(cells) == 9
    assert cells[4] in (SHOWN[0], AS_TEXT[0])


@pytest.mark.parametrize("suffix", ["xlsx", "docx"])
def test_the_same_table_gives_the_same_bytes_at_any_time(tmp_path: Path, suffix: str) -> None:
    first = written(tmp_path / f"t.{suffix}").read_bytes()
    assert written(tmp_path / f"again.{suffix}").read_bytes() == first
    with zipfile.ZipFile(tmp_path / f"t.{suffix}") as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        core = archive.read("docProps/core.xml").decode()
    assert core.count("1980-01-01T00:00:00Z") == 2
    # another process, with another order of hashes
    code = (
        "import sys; sys.path[:0] = [sys.argv[1]]\nfrom pathlib import Path\n"
        "from test_budget_file import written\nwritten(Path(sys.argv[2]))"
    )
    other = tmp_path / f"other.{suffix}"
    command = [sys.executable, "-c", code, str(Path(__file__).parent), str(other)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": "7"})
    assert hashlib.sha256(other.read_bytes()).digest() == hashlib.sha256(first).digest()


@pytest.mark.parametrize("name", ["t.pdf", "t.xls", "t"])
def test_another_suffix_is_refused_by_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"\.xlsx or \.docx"):
        written(tmp_path / name)
    assert not (tmp_path / name).exists()


def test_a_table_without_targets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no instrument is active"):
        written(tmp_path / "t.xlsx", targets()[:0])
