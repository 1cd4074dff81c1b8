import re

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow import keras

from tests.cases import smooth_images, tiny_pix2pix, values
from tfpix2pix import InputError, callbacks, checkpointing
from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.data.tasks import Pairs

TASK = Pairs((PixelFormat(3, "uint8", (0, 255)),) * 2)
BATCH = smooth_images((2, 32, 32, 3)), smooth_images((2, 32, 32, 3), seed=1)


def dataset(steps):
    return tf.data.Dataset.from_tensors(BATCH).repeat(steps)


@pytest.mark.parametrize("steps_per_execution", [1, 2])
@pytest.mark.slow
def test_pictures_come_every_so_many_steps_over_all_epochs_and_at_the_end(
    tmp_path, steps_per_execution
):
    model = tiny_pix2pix()
    model.compile(steps_per_execution=steps_per_execution, run_eagerly=True)
    grid = callbacks.ImageGrid(BATCH, TASK, tmp_path / "samples", every=3)
    model.fit(dataset(4), epochs=2, verbose=0, callbacks=[grid])
    expected = {1: [3, 6, 8], 2: [4, 6, 8]}[steps_per_execution]
    names = sorted(path.name for path in (tmp_path / "samples").iterdir())
    assert names == [f"{step:06d}.png" for step in expected]
    with Image.open(tmp_path / "samples" / names[-1]) as picture:
        assert picture.size == (3 * 136 + 8, 2 * 136 + 8 + 32)


@pytest.mark.slow
def test_a_fit_goes_on_from_its_checkpoint_as_if_it_was_never_interrupted(tmp_path):
    def fit(steps, folder):
        model = tiny_pix2pix(dropout_levels=1)
        model.compile(run_eagerly=True)
        checkpoint = checkpointing.checkpoint(model, tf.Variable(0, dtype="int64"))
        saving = callbacks.Checkpoint(checkpoint, tmp_path / folder, every=2, keep=2)
        model.fit(dataset(steps), verbose=0, callbacks=[saving])
        return model, int(checkpoint.step), saving.manager.checkpoints

    fit(3, "parts")
    parts, step, saved = fit(2, "parts")
    assert step == 5
    assert [path.rsplit("/")[-1] for path in saved] == ["ckpt-4", "ckpt-5"]
    uninterrupted, _, _ = fit(5, "uninterrupted")
    for player, network in uninterrupted.players.items():
        for a, b in zip(values(parts.players[player]), values(network)):
            np.testing.assert_array_equal(a, b)


def test_a_loss_that_is_not_finite_stops_the_fit_and_says_where():
    model = tiny_pix2pix()
    model.compile(run_eagerly=True)

    class Breaking(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == 2:
                kernel = model.generator.get_layer("down2_conv").weights[0]
                kernel.assign(tf.fill(kernel.shape, float("inf")))

    message = (
        "All losses must be finite. Received: discriminator_gan, generator_gan, generator_l1 at "
        "step 3; first in all layers of the generator, to which the step has spread it. Lower "
        "the learning rates, or look for broken images with `tfpix2pix.doctor`."
    )
    stopping = [Breaking(), callbacks.StopOnNonFinite(BATCH)]
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        model.fit(dataset(9), verbose=0, callbacks=stopping)


def test_every_is_at_least_a_step():
    message = "`every` must be at least 1 step. Received: every=0."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        callbacks.ImageGrid(BATCH, TASK, "samples", every=0)
