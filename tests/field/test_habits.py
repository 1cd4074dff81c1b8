"""The library as people used to Keras call it; each line says whose kind it is."""

import subprocess
import sys
import textwrap
import warnings

import numpy as np
import pytest
import tensorflow as tf
from skimage.metrics import peak_signal_noise_ratio
from tensorflow import keras

from tests.cases import sgd, tiny_cyclegan, tiny_hints, tiny_pix2pix, values
from tfpix2pix import InputError, metrics
from tfpix2pix.data import codecs
from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.data.images import to_pixels, to_signed
from tfpix2pix.families.compiling import precision
from tfpix2pix.optimizers import adam
from tfpix2pix.schedules import schedule
from tfpix2pix.translation.image_argument import read_image

IMAGES = np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3)).astype("float32")
PIXELS = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype("uint8")
WHOLE = (
    "Keras can save each network of a model, not a model of several. Received: a whole Pix2Pix. "
    "Call `model.save_weights('NAME.weights.h5')`, whose file the `load_weights` of a new model "
    "takes, or `model.players['generator'].save('NAME.keras')`, whose file "
    "`keras.models.load_model` takes after `import tfpix2pix`."
)


def quick(model):
    """Returns a model that trains without graphs, which take longer to make than few steps."""
    model.run_eagerly = True
    return model


def refused(message, call, *args, **kwargs):
    """Checks that a call is refused with this text."""
    with pytest.raises(InputError) as caught:
        call(*args, **kwargs)
    assert str(caught.value) == message


# A night's training saved as a file that nothing loads: keras-team/keras, "Unable to revive model".
@pytest.mark.parametrize("name", ["night.keras", "night.h5", "night"])
def test_a_whole_model_is_refused_before_it_is_written(name, tmp_path):
    model = tiny_pix2pix()
    model(IMAGES)
    refused(WHOLE, model.save, tmp_path / name)
    assert not (tmp_path / name).exists()
    if name.endswith(".keras"):
        refused(WHOLE, keras.models.save_model, model, tmp_path / name)
        assert not (tmp_path / name).exists()


# The same by a callback, which would write the file after the first epoch.
def test_a_callback_that_saves_whole_models_is_refused_before_the_first_step():
    model = tiny_pix2pix()
    before = values(model)
    message = (
        "Keras can save the weights of a model of several networks, not the model. Received: "
        "ModelCheckpoint('night.keras'), whose files nothing could load. Add "
        "save_weights_only=True and a path that ends with .weights.h5; or use "
        "`tfpix2pix.callbacks.Checkpoint`, from which the training goes on."
    )
    saving = keras.callbacks.ModelCheckpoint("night.keras")
    for callbacks in ([saving], saving, keras.callbacks.CallbackList([saving])):
        refused(message, model.fit, IMAGES, -IMAGES, callbacks=callbacks)
    assert all((new == old).all() for new, old in zip(values(model), before))


# Both cures, followed to the end: the files are read by another process.
def test_weights_and_networks_that_are_saved_load_in_a_new_process(tmp_path):
    model = quick(tiny_pix2pix())
    path = tmp_path / "night.weights.h5"
    saving = keras.callbacks.ModelCheckpoint(path, save_weights_only=True)
    model.fit(IMAGES, -IMAGES, verbose=0, callbacks=[saving])
    model.players["generator"].save(tmp_path / "night.keras")
    np.save(tmp_path / "made.npy", model.translate(IMAGES))
    code = """
        import sys
        import numpy as np
        import tfpix2pix
        from tensorflow import keras
        from tests.cases import tiny_pix2pix
        from tests.field.test_habits import IMAGES
        folder, = sys.argv[1:]
        model = tiny_pix2pix()
        model.load_weights(f"{folder}/night.weights.h5")
        network = keras.models.load_model(f"{folder}/night.keras")
        for made in (model.translate(IMAGES), network(IMAGES)):
            np.testing.assert_allclose(made, np.load(f"{folder}/made.npy"), atol=1e-5)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code), str(tmp_path)], check=True)


# tensorflow/tensorflow #20999, tensorflow/addons #613: one rate of two followed.
@pytest.mark.parametrize(
    "callback",
    [
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 10),
        keras.callbacks.ReduceLROnPlateau("generator_l1"),
    ],
)
def test_callbacks_of_one_learning_rate_are_refused(callback):
    message = (
        "Each player has a learning rate of its own. Received: the callback "
        f"{type(callback).__name__}, which would set that of one player. Give `compile` an "
        "optimizer of each player with a schedule, such as of `tfpix2pix.schedules.schedule`, or "
        "assign `model.optimizers[player].learning_rate` in a callback."
    )
    refused(message, tiny_pix2pix().fit, IMAGES, -IMAGES, callbacks=[callback])


# The cures of the last.
def test_both_rates_follow_schedules_and_callbacks_of_players():
    model = tiny_pix2pix()
    falling = {player: adam(schedule("linear", 0.2, steps=2)) for player in model.players}
    model.compile(falling, run_eagerly=True)
    model.fit(IMAGES, -IMAGES, batch_size=1, verbose=0)
    for optimizer in model.optimizers.values():
        step = optimizer.iterations - 1
        assert float(optimizer.learning_rate(step)) == pytest.approx(0.1)

    def halve(epoch, logs):
        for optimizer in model.optimizers.values():
            optimizer.learning_rate = optimizer.learning_rate / 2

    model.compile({player: sgd(0.2) for player in model.players}, run_eagerly=True)
    callback = keras.callbacks.LambdaCallback(on_epoch_end=halve)
    model.fit(IMAGES, -IMAGES, verbose=0, callbacks=[callback])
    rates = [float(optimizer.learning_rate) for optimizer in model.optimizers.values()]
    assert rates == pytest.approx([0.1, 0.1])


# keras-team/keras-io #174, #122: `compile` as of a network.
def test_compile_refuses_one_optimizer_for_all():
    shared = adam()
    both = {"generator": shared, "discriminator": shared}
    for shown, args, kwargs in (
        ("'adam'", [], {"optimizer": "adam"}),
        ("'adam'", ["adam"], {}),
        ("Adam", [shared], {}),
        ("{'generator': 'adam'}", [{"generator": "adam"}], {}),
        ("dict", [both], {}),
    ):
        message = (
            f"Each player has an optimizer of its own. Received: {shown}. Give a dict of "
            "generator, discriminator, such as compile({'generator': "
            "tfpix2pix.optimizers.adam(2e-4)}); a player that it does not name gets the paper's "
            "Adam."
        )
        refused(message, tiny_pix2pix().compile, *args, **kwargs)
    tiny_pix2pix().compile({"generator": adam(2e-4)})


# tensorflow/tensorflow #33768: losses and metrics that never come.
def test_compile_refuses_losses_and_metrics_of_keras():
    refused(
        "What players minimize is told to `Pix2Pix` itself. Received: compile(loss='mse', "
        "loss_weights=[1]). Leave it out, and see `help(Pix2Pix)` for the losses and their "
        "weights.",
        tiny_pix2pix().compile,
        loss="mse",
        loss_weights=[1],
    )
    refused(
        "Translations are measured beside the training. Received: compile(metrics=['mae']). Leave "
        "it out; `model.validate(batch)` measures, and so do the functions of "
        "`tfpix2pix.metrics`.",
        tiny_pix2pix().compile,
        metrics=["mae"],
    )
    assert set(tiny_pix2pix().validate((IMAGES, -IMAGES))) == {"l1", "psnr", "ssim"}


# Jannoshh/simple-sam #6, NVIDIA-Merlin/models #150: a third part of the batch.
def test_weights_of_examples_are_refused():
    model = tiny_pix2pix()
    message = (
        "All examples count alike. Received: {}. Leave it out, and repeat the examples that should "
        "count more."
    )
    for name, weights in (("sample_weight", np.ones(2)), ("class_weight", {0: 1.0})):
        refused(message.format(name), model.fit, IMAGES, -IMAGES, **{name: weights})
    refused(
        message.format("sample_weight"),
        model.fit,
        IMAGES,
        -IMAGES,
        validation_data=(IMAGES, IMAGES, np.ones(2)),
    )
    others = (
        "Batches hold the images that `Pix2Pix` learns from and nothing else, such as weights. "
        "Received: {} parts. See `help(Pix2Pix)`."
    )
    triples = tf.data.Dataset.from_tensors((IMAGES, IMAGES, np.ones(2)))
    refused(others.format(3), model.fit, triples)
    refused(others.format(1), model.fit, IMAGES)


# pytorch-pix2pix #522, #1129, tensorflow/tensorflow #55917: pixels that nobody normalised.
def test_pixels_of_whole_numbers_are_refused():
    model = quick(tiny_pix2pix())
    message = (
        "Images are float in [-1, 1]. Received: {} of uint8. `tfpix2pix.data.images.to_signed` "
        "makes it of pixels."
    )
    dataset = tf.data.Dataset.from_tensors((PIXELS, PIXELS))
    for call in (model.fit, model.evaluate):
        refused(message.format("source"), call, PIXELS, PIXELS)
        refused(message.format("target"), call, IMAGES, PIXELS)
        refused(message.format("source"), call, dataset)
    refused(message.format("target"), model.fit, IMAGES, IMAGES, validation_data=(IMAGES, PIXELS))
    refused(message.format("A"), tiny_cyclegan().fit, dataset)
    model.fit(to_signed(PIXELS), to_signed(PIXELS), verbose=0)


# The same as floats: they are named once, and only they.
@pytest.mark.parametrize("form", ["arrays", "dataset"])
def test_pixels_out_of_range_are_named_once(form):
    model = quick(tiny_pix2pix())
    for pixels, count in ((IMAGES, 0), (PIXELS.astype("float32"), 1)):
        pairs = (pixels, pixels)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            if form == "arrays":
                model.fit(*pairs, verbose=0)
            else:
                model.fit(tf.data.Dataset.from_tensors(pairs).repeat(2), verbose=0)
        messages = [str(w.message) for w in caught if issubclass(w.category, UserWarning)]
        named = [message for message in messages if message.startswith("Images are float")]
        assert named == count * [
            "Images are float in [-1, 1]. Received: source with values from 0 to 255. "
            "`tfpix2pix.data.images.to_signed(pixels, (0, 255))` makes it of pixels up to 255."
        ]
    signed = to_signed(PIXELS.astype("float32"), (0, 255)).numpy()
    assert (signed.min(), signed.max()) == (-1, 1)


# Points of hints and other batches that are no images pass.
def test_points_are_not_taken_for_images():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        points = np.full((2, 4, 5), 20.0, "float32")
        quick(tiny_hints()).fit(
            tf.data.Dataset.from_tensors((IMAGES[..., :1], points, IMAGES[..., 1:])), verbose=0
        )


# torchmetrics #2787, scikit-image #6595, #3942: PSNR -9 dB of pixels, SSIM of another range.
@pytest.mark.parametrize(
    "measure",
    [
        *(metrics.l1, metrics.l2, metrics.psnr, metrics.ssim, metrics.ms_ssim),
        *(metrics.color_distance, metrics.lab_intersection, metrics.sharpness_ratio),
    ],
)
def test_metrics_refuse_whole_numbers_single_images_and_other_shapes(measure):
    rule = "Images are compared as float `[batch, height, width, channels]` in [-1, 1]. Received: "
    refused(
        f"{rule}target of uint8. `tfpix2pix.data.images.to_signed` makes it of pixels.",
        measure,
        PIXELS,
        PIXELS,
    )
    refused(
        f"{rule}target of shape (32, 32, 3). Add the axis of the batch, target[None].",
        measure,
        IMAGES[0],
        IMAGES[0],
    )
    refused(
        f"{rule}target of shape (2, 32, 32, 3), translated of shape (1, 32, 32, 3). Give each "
        "target one translation of its size.",
        measure,
        IMAGES,
        IMAGES[:1],
    )


# The cures of the last, against scikit-image's numbers of the pixels themselves.
def test_pixels_are_measured_as_others_do_once_they_are_signed():
    others = np.clip(PIXELS.astype(int) + 9, 0, 255).astype("uint8")
    expected = [peak_signal_noise_ratio(a, b, data_range=255) for a, b in zip(PIXELS, others)]
    signed = to_signed(PIXELS), to_signed(others)
    np.testing.assert_allclose(metrics.psnr(*signed), expected, rtol=1e-5)
    single = metrics.psnr(*(images[0][None] for images in signed))
    np.testing.assert_allclose(single, expected[:1], rtol=1e-5)


RGB = PixelFormat(3, "uint8", (0.0, 255.0))


# keras-team/keras #7194, pix2pix-tensorflow #103: shapes that were named otherwise than given.
@pytest.mark.parametrize(
    ("shape", "dtype", "cure"),
    [
        ((64, 48), "uint8", "Add the axis of channels, pixels[..., None]."),
        ((1, 64, 48, 3), "uint8", "Translate the images of a batch one by one."),
        ((3, 64, 48), "uint8", "Put the channels last, pixels.transpose(1, 2, 0)."),
        ((0, 48, 3), "uint8", "Give one image with pixels."),
        (
            (64, 48, 3),
            "float32",
            "Round floats that are levels, pixels.round().astype('uint8'); "
            "`tfpix2pix.data.images.to_pixels` makes pixels of floats in [-1, 1].",
        ),
    ],
)
def test_what_is_no_single_image_is_named_as_it_was_given(shape, dtype, cure):
    refused(
        f"An image is `[height, width, channels]` of uint8. Received: shape {shape} of {dtype}. "
        f"{cure}",
        read_image,
        np.zeros(shape, dtype),
        RGB,
    )


# A path for pixels is read as programs read it; the cures of the last give images.
def test_an_image_may_be_a_path(tmp_path):
    codecs.write(PIXELS[0], tmp_path / "photo.png")
    for path in (tmp_path / "photo.png", str(tmp_path / "photo.png")):
        assert (read_image(path, RGB) == PIXELS[0]).all()
    refused(
        "An image is an array or the path of a file. Received: 'photo.jpg', where there is none. "
        "Check the spelling.",
        read_image,
        "photo.jpg",
        RGB,
    )
    for cured in (
        PIXELS[0].transpose(2, 0, 1).transpose(1, 2, 0),
        PIXELS[0].astype("float32").round().astype("uint8"),
        to_pixels(to_signed(PIXELS[0])),
    ):
        assert (read_image(cured, RGB) == PIXELS[0]).all()
    assert read_image(PIXELS[0, ..., 0][..., None], RGB).shape == (32, 32, 1)


def test_channels_first_of_another_program_are_named(monkeypatch):
    """Of Theano's days, in ~/.keras/keras.json."""
    monkeypatch.setattr(keras.backend, "image_data_format", lambda: "channels_first")
    with pytest.raises(InputError) as error, precision("float32"):
        raise AssertionError
    assert str(error.value) == (
        "Networks take images with their channels last. Received: Keras with image_data_format "
        "'channels_first', as keras.json in the folder .keras of users may say. Change it there, "
        "or by keras.backend.set_image_data_format."
    )
