"""A check fails where its claim does not hold, and says what it received."""

import dataclasses

import pytest
from tensorflow import keras

from tests.cases import toy
from tests.cases.families import pix2pix, toy_paper
from tfpix2pix import InputError, families, preset, testing


def failure(case, name):
    with pytest.raises(AssertionError) as caught:
        testing.check(case, name)
    return str(caught.value)


@pytest.fixture
def broken(monkeypatch, tmp_path):
    """Function of parts of the toy's family that are replaced to its case."""

    def case(**parts):
        monkeypatch.setitem(families.FAMILIES, "toy", dataclasses.replace(toy.FAMILY, **parts))
        return testing.Case(toy_paper(tmp_path / "data"), tmp_path / "checks")

    return case


def test_checks_are_those_of_what_a_family_says_it_can_do(monkeypatch):
    monkeypatch.setitem(families.FAMILIES, "toy", toy.FAMILY)
    pix2pix_names, toy_names = (
        set(testing.checks(config))
        for config in (preset("pix2pix_debug"), toy.FAMILY.presets["toy"])
    )
    assert toy_names - pix2pix_names == {
        "embeddings_are_exported_and_depend_on_one_image",
        "state_for_translation_is_filled",
        "optimizers_start_anew_where_a_phase_says_so",
    }
    assert pix2pix_names - toy_names == {"the_importer_fills_players_of_the_model"}
    assert toy_names | pix2pix_names == set(testing.CHECKS)
    alone = testing.checks(toy.FAMILY.presets["toy"], given=[])
    assert "every_control_changes_something" in alone
    assert not [name for name in alone if testing.CHECKS[name].needs]


def test_what_does_not_hold_is_told(broken):
    case = broken(finish=lambda run: None)
    assert failure(case, "state_for_translation_is_filled") == (
        "`finish` must fill state that the checkpoint of a training has not. Received: the state "
        "of the checkpoint."
    )


def test_a_control_that_changes_nothing_is_told(broken):
    def directions(config, model):
        made = toy.FAMILY.directions(config, model)
        return {name: one._replace(network=deaf(one.network)) for name, one in made.items()}

    def deaf(network):
        image = keras.layers.Conv2D(3, 1, name="copy_conv")(network.inputs[0])
        return keras.Model(network.inputs, image)

    case = broken(directions=directions)
    assert failure(case, "every_control_changes_something") == (
        "A control must change something. Received: style of AtoB."
    )


def test_a_nan_that_passes_do_not_lead_to_is_told(broken, monkeypatch):
    case = broken()
    monkeypatch.setattr(case.run.model, "passes", lambda batch: [])
    assert failure(case, "a_nan_is_found_where_it_arose").startswith(
        "`passes` must lead to a NaN in the weights of style_dense of the AtoB. Received: loss at "
    )


def test_checks_that_cannot_be_done_are_refused(tmp_path):
    case = testing.Case(pix2pix(tmp_path / "data"), tmp_path / "checks")
    with pytest.raises(InputError) as caught:
        testing.check(case, "two_replicas_train_as_one")
    assert str(caught.value) == (
        "The check two_replicas_train_as_one needs a case with loop and replicas. Received: one "
        "without loop and replicas. Give them to `Case`."
    )
    with pytest.raises(InputError) as caught:
        testing.check(case, "all_is_well")
    assert str(caught.value) == (
        f"A check must be one of {', '.join(testing.CHECKS)}. Received: 'all_is_well'. Correct the "
        "name."
    )
