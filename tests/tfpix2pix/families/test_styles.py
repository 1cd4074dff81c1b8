"""Styles: names of domains, and the control of their weights."""

import pytest
import tensorflow as tf

from tfpix2pix import InputError
from tfpix2pix.families.stylization import StylesConfig, style_control
from tfpix2pix.inference.controls import control_batch, prepared_batch

CONTROL = style_control(("photos", "ink", "oil"), 2)
SOURCE = tf.zeros((2, 8, 8, 3))


def test_styles_are_weighed_by_name_or_in_order():
    by_name = control_batch(CONTROL, {"oil": 0.5, "photos": 0.25}, 2)
    assert by_name.numpy().tolist() == [[0.25, 0.0, 0.5]] * 2
    assert control_batch(CONTROL, [0.25, 0.0, 0.5], 2).numpy().tolist() == by_name.numpy().tolist()
    assert CONTROL.neutral(SOURCE).numpy().tolist() == [[0.0, 0.0, 1.0]] * 2


@pytest.mark.parametrize(
    "weights", [[0.0, 0.0, 0.0], [float("nan"), 0.0, 1.0], [-0.1, 0.0, 1.0], [0.0, 2.1, 0.0]]
)
def test_weights_that_make_no_picture_are_refused(weights):
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        prepared_batch(CONTROL, control_batch(CONTROL, weights, 2), SOURCE)
    assert (
        "The weights of styles must be numbers from 0 to 2, not all 0, in the order photos, ink, "
        "oil. Received:" in str(error.value)
    )


def test_unknown_styles_are_named():
    with pytest.raises(InputError) as error:
        control_batch(CONTROL, {"oil": 1.0, "neon": 1.0}, 2)
    assert str(error.value) == (
        "The control 'style' has the names photos, ink, oil. Received: 'neon'. Name one of them."
    )


@pytest.mark.parametrize("name", ["photos", "neon"])
def test_a_new_style_is_one_of_the_styles(name):
    with pytest.raises(InputError) as error:
        StylesConfig(domains="photos,ink", new_style=name)
    assert str(error.value) == (
        f"`new_style` must be one of the styles ink. Received: {name!r}. Add its name to `domains`."
    )
