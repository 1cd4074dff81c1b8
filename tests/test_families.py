"""Every family goes through `check_family`; the toy paper needs no change anywhere else."""

import pytest

from tests import checks
from tests.cases.families import FAMILIES, NOISELESS, TEST_FAMILIES
from tests.cases.runs import saved_run
from tfpix2pix import families


@pytest.fixture(autouse=True)
def known(monkeypatch):
    for name, family in TEST_FAMILIES.items():
        monkeypatch.setitem(families.FAMILIES, name, family)


def test_every_family_has_a_case():
    assert set(FAMILIES) == set(families.FAMILIES)


# CycleGAN's step takes 5 s to trace, and is traced four times and three times.
TRAINED = [
    pytest.param(name, marks=pytest.mark.slow) if name == "cyclegan" else name for name in FAMILIES
]


@pytest.mark.parametrize("name", TRAINED)
def test_family_trains_resumes_exports_and_translates(name, tmp_path):
    checks.check_family(FAMILIES[name](tmp_path / "data"), tmp_path)


def test_family_renews_optimizers_at_the_border_of_a_phase(tmp_path):
    checks.check_renewal(FAMILIES["toy"](tmp_path / "data"), tmp_path)


@pytest.mark.parametrize("name", TRAINED)
def test_family_trains_alike_under_fit_the_loop_and_two_replicas(name, tmp_path, mirrored):
    checks.check_family_steps(NOISELESS[name](tmp_path / "data"), mirrored)


@pytest.mark.parametrize("name", FAMILIES)
def test_family_is_evaluated_in_every_direction(name, tmp_path):
    run = saved_run(FAMILIES[name](tmp_path / "data"), tmp_path / "run")
    checks.check_evaluation(run, tmp_path / "evaluations")


@pytest.mark.parametrize("name", FAMILIES)
def test_family_is_rated_in_every_direction(name, tmp_path):
    run = saved_run(FAMILIES[name](tmp_path / "data"), tmp_path / "run")
    checks.check_rating(run, tmp_path / "answers")


@pytest.mark.parametrize("name", FAMILIES)
def test_family_finds_where_a_training_ceased_to_be_finite(name, tmp_path):
    checks.check_passes(FAMILIES[name](tmp_path / "data"))


@pytest.mark.parametrize("name", FAMILIES)
def test_family_s_card_shows_every_direction(name, tmp_path):
    checks.check_card(saved_run(FAMILIES[name](tmp_path / "data"), tmp_path / "run"))
