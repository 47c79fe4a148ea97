"""The pages that are made from the detectors are as the detectors are."""

from tools.detectors_page import CHAPTERS, PAGE, README, page, readme

from etcdscope.detect.catalog import DETECTORS


def test_the_page_of_detectors_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "run make docs"


def test_the_table_in_the_readme_is_up_to_date() -> None:
    now = README.read_text()

    assert now == readme(now), "run make docs"


def test_every_family_stands_in_one_chapter() -> None:
    families = [family for chapter in CHAPTERS for family in chapter.families]

    assert sorted(families) == sorted({d.family for d in DETECTORS})
