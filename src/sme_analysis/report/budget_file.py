"""The performance-target table (绩效目标表) as a file for the budget: XLSX or DOCX, the same bytes for the same table."""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unicodedata import east_asian_width

import pandas as pd
from docx import Document
from docx.enum.section import WD_ORIENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor
from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, Side

from sme_analysis.errors import UserError

LATIN, CJK = "Arial", "SimSun"  # 宋体 is on every office machine in China; elsewhere another font stands in
UNITS = {  # factor, name and decimal places by inner unit, as budgets are written
    "money": (100.0, "万元\nCNY 10,000", 2), "multiple": (1.0, "元/元\nCNY per CNY", 3), "share": (100.0, "%", 1),
    "change_rate": (1e4, "基点\nbasis points", 1), "count": (1.0, "户\nfirms", 0), "days": (1.0, "天\ndays", 0),
}  # fmt: skip
SIGNS = {">=": "≥", "<=": "≤"}
HEADS, CHARACTERS = 2, 5.0  # rows; to the cm
Cell = str | float | None


class Form(NamedTuple):
    """The cells of the table, two rows of heads first, widths of columns in cm, and decimal places of each row's numbers."""

    rows: list[list[Cell]]
    widths: list[float]
    places: list[int]

    def merged(self) -> list[tuple[int, int, int, int]]:
        """Blocks of cells that are one, by top, left, bottom and right: empty heads and levels belong to the cell before."""
        above, under, *body = self.rows
        blocks = [(0, left, int(under[left] is None), right) for left, right in _runs(above)]
        for k in (0, 1):
            blocks += [(HEADS + top, k, HEADS + low, k) for top, low in _runs([row[k] for row in body])]
        return [block for block in blocks if block[:2] != block[2:]]

    def across(self, row: int, column: int) -> str:
        """Where the text of a cell stands."""
        if isinstance(self.rows[row][column], float):
            return "right"
        return "center" if row < HEADS or column in (0, 1, 3) else "left"


def _runs(cells: list[Cell]) -> Iterator[tuple[int, int]]:
    """First and last cell of each text with the empty cells that follow it."""
    starts = [k for k, cell in enumerate(cells) if cell is not None]
    return zip(starts, [k - 1 for k in [*starts[1:], len(cells)]], strict=True)


def write_budget_file(table: pd.DataFrame, path: Path, *, title: str, scenario: str, note: str = "") -> None:
    """Write performance targets in the official form, those of the year and of the horizon side by side, money in 万元.

    The same arguments give the same bytes: nothing in the file tells when it was written.

    Parameters
    ----------
    table : from `impact.performance_targets`, in inner units
    path : ends in `.xlsx` or `.docx`
    title, scenario, note : above the table; at the foot of every page; a reservation beside the scenario

    Raises
    ------
    UserError : another ending, or a table without rows
    """
    writer = {".xlsx": _xlsx, ".docx": _docx}.get(path.suffix.lower())
    if writer is None:
        raise UserError(f'{path.name}: a budget file ends in .xlsx or .docx, not in "{path.suffix}"')
    if table.empty:
        raise UserError(f"{path.name}: there is no target to write, since no instrument is active")
    foot = " · ".join(filter(None, [f"方案 Scenario: {scenario}", note]))
    path.write_bytes(_timeless(writer(_form(table), title, foot)))


def _form(table: pd.DataFrame) -> Form:
    """Bring the periods of each indicator side by side."""
    years = [str(year) for year in dict.fromkeys(table["year"])]
    n = len(years)
    rows: list[list[Cell]] = [
        ["一级指标\nLevel 1", "二级指标\nLevel 2", "三级指标\nIndicator", "性质\nSign", "指标值\nTarget", *[None] * (n - 1),
         "单位\nUnit", "模型测算值\nModel expects", *[None] * (n - 1), "设定依据\nSet by", "条款与参数\nArticles, parameters"],
        [*[None] * 4, *years, None, *years, None, None],
    ]  # fmt: skip
    places, before = [0] * HEADS, ("", "")
    keys = ["level_1", "level_2", "indicator", "direction", "unit"]
    for _, group in table.groupby(keys, sort=False):
        of = {str(record["year"]): record for record in group.to_dict("records")}
        r = next(iter(of.values()))
        factor, unit, decimals = UNITS[r["unit"]]
        found = [of[y][k] * factor if y in of else math.nan for k in ("value", "expected") for y in years]
        tiny = [math.ceil(-math.log10(abs(x))) for x in found if x and math.isfinite(x)]
        places.append(max([decimals, *tiny]))  # a small figure must not pass for nothing
        figures = [round(x, places[-1]) + 0.0 if math.isfinite(x) else None for x in found]
        one, two, three = (f"{r[k + '_zh']}\n{r[k].capitalize()}" for k in keys[:3])
        levels = [None if one == before[0] else one, None if (one, two) == before else two, three]
        before = one, two
        basis = "\n".join(dict.fromkeys(f"{x['basis_zh']}\n{x['basis']}" for x in of.values()))
        many = r["rests_on"].count(",") + 1
        rests = r["rests_on"] if many < 4 else f"上列{many}项政策 {many} instruments"
        last = [basis, f"条例 Art. {r['articles']}\n{rests}"]
        rows.append([*levels, SIGNS[r["direction"]], *figures[:n], unit, *figures[n:], *last])
    return Form(rows, [1.9, 2.5, 5.6, 1.0, *[1.9] * n, 2.0, *[1.9] * n, 2.6, 3.7], places)


def _xlsx(form: Form, title: str, foot: str) -> Any:
    """The form as a workbook: numbers as numbers, one page wide, heads repeated on every page."""
    book = Workbook()
    book.properties.title, book.properties.creator = title, ""
    sheet, line = book.active, Side(style="thin", color="808080")
    sheet.title, sheet.freeze_panes, sheet.print_title_rows = "绩效目标表", "D4", "2:3"
    for i, row in enumerate(form.rows):
        for j, value in enumerate(row):
            cell = sheet.cell(i + 2, j + 1, value)
            sheet.column_dimensions[cell.column_letter].width = CHARACTERS * form.widths[j]
            cell.font = Font(name=CJK, size=9, bold=i < HEADS)
            cell.alignment = Alignment(form.across(i, j), "center", wrap_text=True, indent=1)
            cell.border = Border(left=line, right=line, top=line, bottom=line)
            if isinstance(value, float):
                cell.number_format = "#,##0" + "." * (form.places[i] > 0) + "0" * form.places[i]
        texts = [(text, form.widths[j]) for j, text in enumerate(row) if isinstance(text, str)]
        lines = HEADS - i if i < HEADS else max(_lines(*text) for text in texts)
        sheet.row_dimensions[i + 2].height = 4 + 12 * lines
    for place, text, size in ((1, title, 14), (len(form.rows) + 2, foot, 9)):
        cell = sheet.cell(place, 1, text)
        cell.data_type = "s"  # what begins with "=" is no formula
        cell.font = Font(name=CJK, size=size, bold=place == 1)
        cell.alignment = Alignment("center" if place == 1 else "left")
    for top, left, bottom, right in [*form.merged(), (-1, 0, -1, len(form.widths) - 1)]:
        sheet.merge_cells(None, top + 2, left + 1, bottom + 2, right + 1)
    page, sheet.sheet_properties.pageSetUpPr.fitToPage = sheet.page_setup, True
    page.orientation, page.paperSize, page.fitToHeight = "landscape", 9, 0
    sheet.oddFooter.left.text, sheet.oddFooter.right.text = foot.replace("&", "&&")[:200], "&P / &N"
    return book


def _lines(text: str, width: float) -> int:
    """Lines that a text takes in a column of a width in cm; a Chinese character takes the place of two others."""
    sizes = (sum(2 if east_asian_width(c) in "WF" else 1 for c in line) for line in text.split("\n"))
    return sum(math.ceil((size + 1) / (CHARACTERS * width)) for size in sizes)


def _docx(form: Form, title: str, foot: str) -> Any:
    """The form as a document: A4 across, heads repeated on every page."""
    document = Document()
    core, section = document.core_properties, document.sections[0]
    core.title, core.author, core.comments = title, "", ""
    section.orientation, section.page_width, section.page_height = WD_ORIENT.LANDSCAPE, Cm(29.7), Cm(21)
    section.left_margin = section.right_margin = section.top_margin = section.bottom_margin = Cm(1.4)
    for fonts in document.styles.element.iter(qn("w:rFonts")):
        fonts.attrib.clear()  # a theme's would come first
        for name, font in {"ascii": LATIN, "hAnsi": LATIN, "cs": LATIN, "eastAsia": CJK}.items():
            fonts.set(qn(f"w:{name}"), font)
    for language in document.styles.element.iter(qn("w:lang")):
        language.set(qn("w:eastAsia"), "zh-CN")
    document.styles["Heading 1"].font.color.rgb = RGBColor(0, 0, 0)
    document.add_heading(title, 1).alignment = WD_ALIGN_PARAGRAPH.CENTER
    section.footer.paragraphs[0].add_run(foot).font.size = Pt(8)
    table = document.add_table(len(form.rows), len(form.widths), "Table Grid")
    table.autofit = False
    for i, row in enumerate(table.rows):
        for mark in ("w:cantSplit", "w:tblHeader")[: 2 if i < HEADS else 1]:
            row._tr.get_or_add_trPr().append(OxmlElement(mark))
        for j, (cell, value) in enumerate(zip(row.cells, form.rows[i], strict=True)):
            cell.width = table.columns[j].width = Cm(form.widths[j])
            paragraph = cell.paragraphs[0]
            if value is not None:
                run = paragraph.add_run(value if isinstance(value, str) else f"{value:,.{form.places[i]}f}")
                run.font.size, run.bold = Pt(8), i < HEADS
            paragraph.alignment = getattr(WD_ALIGN_PARAGRAPH, form.across(i, j).upper())
            paragraph.paragraph_format.space_after = Pt(0)
    for top, left, bottom, right in form.merged():
        table.cell(top, left).merge(table.cell(bottom, right))
    return document


def _timeless(document: Any) -> bytes:
    """The saved document without the moment at which it was written."""
    raw, file, stamp = io.BytesIO(), io.BytesIO(), rb"\g<1>1980-01-01T00:00:00Z"
    document.save(raw)
    with zipfile.ZipFile(raw) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            content = re.sub(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*", stamp, old.read(name))
            entry = zipfile.ZipInfo(name)  # dated 1980-01-01
            entry.compress_type, entry.create_system = zipfile.ZIP_DEFLATED, 3
            new.writestr(entry, content)
    return file.getvalue()
