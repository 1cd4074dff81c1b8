"""Every family passes the checks of what it says it can do; the toy needs no change elsewhere."""

from contextlib import contextmanager

import pytest

from tests.cases.families import DEBUG, FAMILIES, NOISELESS, TEST_FAMILIES
from tfpix2pix import families, testing
from training import conformance
from training.engine import loop

# pix2pix is checked in seconds. CycleGAN's step takes 5 s to trace, pix2pixHD's and TwinGAN's 8 s,
# and so do their exports.
GRAPHS = [name for name, check in testing.CHECKS.items() if check.needs]
GRAPHS.append("an_export_equals_the_networks_and_takes_all_controls")
GRAPHS.append("embeddings_are_exported_and_depend_on_one_image")
# What every direction is translated for is quick for pix2pix and the toy, which has two.
TRANSLATED = ["the_picture_shows_something_in_each_column", "every_direction_is_evaluated"]
TRANSLATED.append("every_direction_is_rated")
SLOW = [(family, name) for family in DEBUG if family != "pix2pix" for name in GRAPHS]
SLOW += [(f, name) for f in DEBUG if f not in ("pix2pix", "toy") for name in TRANSLATED]
SLOW += [("pix2pix", n) for n in ("a_run_opens_in_any_phase", "a_compiled_step_is_the_same")]


def claims():
    """Yields the name of each family with those of its checks, which follow on each other."""
    for family, config in DEBUG.items():
        with knowing():
            names = [*testing.checks(config), *conformance.CHECKS]
        for name in names:
            marks = [pytest.mark.slow] if (family, name) in SLOW else []
            yield pytest.param(family, name, marks=marks, id=f"{family}-{name}")


@contextmanager
def knowing():
    """The families of tests are known within."""
    with pytest.MonkeyPatch.context() as patch:
        for name, family in TEST_FAMILIES.items():
            patch.setitem(families.FAMILIES, name, family)
        yield


@pytest.fixture(scope="module", autouse=True)
def known():
    with knowing():
        yield


@pytest.fixture(scope="module")
def case(tmp_path_factory, mirrored):
    """Function of the name of a family to its case, whose runs all its checks share."""
    cases = {}

    def case(name):
        if name not in cases:
            folder = tmp_path_factory.mktemp(name)
            config, noiseless = (
                make[name](folder / place)
                for make, place in ((FAMILIES, "data"), (NOISELESS, "noiseless"))
            )
            options = {"loop": loop, "replicas": mirrored, "noiseless": noiseless}
            cases[name] = testing.Case(config, folder / "checks", **options)
        return cases[name]

    return case


def test_every_family_has_a_case_and_a_debug_experiment():
    assert set(FAMILIES) == set(DEBUG) == set(families.FAMILIES)
    for name, config in DEBUG.items():
        assert config.family == name


@pytest.mark.parametrize(("family", "name"), list(claims()))
def test_family(case, family, name):
    if name in conformance.CHECKS:
        conformance.CHECKS[name].run(case(family))
    else:
        testing.check(case(family), name)
