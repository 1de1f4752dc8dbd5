"""The notebook on the regulation: counts that add up, classes with their reason."""

from sme_analysis.figures import regulation
from sme_analysis.scenario import describe, load_scenario


def test_force_adds_up_to_the_articles():
    table = regulation.counts()
    assert table["articles"].sum() == 32
    assert (table[["duty", "encourage", "other"]].sum(axis=1) == table["articles"]).all()


def test_grades_count_every_parameter_once():
    scenario = load_scenario("haixi-2020")
    table = regulation.grades(scenario)
    assert table["parameters"].sum() == len(describe(scenario))
    assert (table["amounts"] <= table["policy"]).all()
    assert (table["policy"] <= table["parameters"]).all()


def test_the_law_fixes_no_amount():
    table = regulation.grades(load_scenario("haixi-2020")).set_index("grade")
    assert table.loc["law", "amounts"] == 0


def test_the_lowest_indicator_decides():
    table = regulation.examples().set_index("firm")
    shop = table.loc["shop, 8 staff, revenue CNY 3 m"]
    assert shop["size_class"] == "micro"
    assert shop["by_indicator"] == "employees: micro, revenue: small"
