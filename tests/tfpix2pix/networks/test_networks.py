import json
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from tests import reference
from tests.cases import NETWORKS, fixed_weights, smooth_images
from tests.checks import call
from tfpix2pix import InputError, inference, patch_discriminator, unet_generator
from tfpix2pix.layers import CONVENTIONS, Conventions
from tfpix2pix.networks import receptive_field
from tfpix2pix.networks.patchgan import STRIDED_LAYERS

GOLDENS = json.loads((Path(__file__).parents[2] / "goldens/networks.json").read_text())


def counts(model):
    return tuple(
        sum(int(np.prod(v.shape)) for v in variables)
        for variables in (model.trainable_variables, model.non_trainable_variables)
    )


@pytest.mark.parametrize(
    ("side", "base_filters", "channels", "trainable", "statistics"),
    [
        (256, 64, (3, 3), 54_413_955, 9_856),
        (256, 32, (3, 3), 13_608_259, 4_928),
        (256, 16, (3, 3), 3_404_451, 2_464),
        (256, 64, (1, 2), 54_409_858, 9_856),
        (256, 64, (4, 2), 54_412_930, 9_856),
        (128, 64, (3, 3), 41_828_995, 7_808),
        (128, 32, (3, 3), 10_461_507, 3_904),
        (128, 16, (3, 3), 2_617_507, 1_952),
        (64, 64, (3, 3), 29_244_035, 5_760),
        (64, 32, (3, 3), 7_314_755, 2_880),
        (64, 16, (3, 3), 1_830_563, 1_440),
        (32, 64, (3, 3), 16_659_075, 3_712),
        (32, 32, (3, 3), 4_168_003, 1_856),
        (32, 16, (3, 3), 1_043_619, 928),
    ],
)
@pytest.mark.slow
def test_unet_has_the_published_number_of_parameters(
    side, base_filters, channels, trainable, statistics
):
    network = unet_generator(
        (side, side, channels[0]), channels[1], base_filters=base_filters, norm="batch"
    )
    assert counts(network) == (trainable, statistics)


@pytest.mark.parametrize(
    ("field", "base_filters", "trainable", "statistics"),
    [
        (16, 64, 139_585, 256),
        (34, 64, 666_433, 768),
        (70, 64, 2_768_705, 1_792),
        (142, 64, 6_964_033, 2_816),
        (286, 64, 11_159_361, 3_840),
        (70, 32, 696_225, 896),
        (70, 16, 176_081, 448),
        (34, 32, 169_377, 384),
        (34, 16, 43_729, 192),
        (16, 16, 10_321, 64),
    ],
)
def test_patchgan_has_the_published_number_of_parameters(
    field, base_filters, trainable, statistics
):
    network = patch_discriminator(receptive_field=field, base_filters=base_filters, norm="batch")
    assert counts(network) == (trainable, statistics)


@pytest.mark.parametrize(
    ("conventions", "side", "trainable", "statistics"),
    [
        ("pytorch", 256, 54_413_955, 9_856),
        ("torch", 256, 54_419_459, 9_856),
        ("affinelayer", 256, 54_420_483, 10_880),
        ("tf_tutorial", 256, 54_414_979, 10_880),
        ("pytorch", 128, 41_828_995, 7_808),
        ("torch", 128, 41_833_475, 7_808),
        ("pytorch", 512, 66_998_915, 11_904),
    ],
)
@pytest.mark.slow
def test_unet_of_every_convention_has_its_number_of_parameters(
    conventions, side, trainable, statistics
):
    network = unet_generator((side, side, 3), norm="batch", conventions=conventions)
    assert counts(network) == (trainable, statistics)


@pytest.mark.slow
def test_other_generators_have_their_number_of_parameters():
    instance = unet_generator(norm="instance", conventions="pytorch")
    assert counts(instance) == (54_409_603, 0)
    encoder_decoder = unet_generator(norm="batch", conventions="torch", skips=False)
    assert counts(encoder_decoder) == (39_080_963, 9_856)


@pytest.mark.parametrize(
    ("conventions", "field", "trainable"),
    [
        ("pytorch", 1, 9_024),
        ("torch", 1, 9_153),
        ("torch", 16, 139_713),
        ("torch", 34, 666_817),
        ("torch", 70, 2_769_601),
        ("affinelayer", 70, 2_769_601),
        ("tf_tutorial", 70, 2_768_641),
        ("torch", 142, 6_965_441),
        ("torch", 286, 11_161_281),
    ],
)
def test_patchgan_of_every_convention_has_its_number_of_parameters(conventions, field, trainable):
    network = patch_discriminator(receptive_field=field, norm="batch", conventions=conventions)
    assert counts(network)[0] == trainable


def test_an_unconditional_discriminator_has_its_number_of_parameters():
    assert counts(patch_discriminator(norm="batch", conditional=False)) == (2_765_633, 1_792)
    cyclegan = patch_discriminator(norm="instance", conditional=False, conventions="pytorch")
    assert counts(cyclegan) == (2_764_737, 0)


def test_an_unconditional_discriminator_ignores_the_source():
    network = patch_discriminator((24, 24, 3), base_filters=2, conditional=False)
    target = smooth_images((1, 24, 24, 3))
    logits = [network([smooth_images((1, 24, 24, 3), seed), target]) for seed in (1, 2)]
    np.testing.assert_array_equal(*logits)


@pytest.mark.parametrize(
    ("field", "at_256", "at_512"),
    [(1, 256, 512), (16, 126, 254), (34, 62, 126), (70, 30, 62), (142, 14, 30), (286, 6, 14)],
)
def test_patchgan_judges_the_published_number_of_patches(field, at_256, at_512):
    for side, rows in ((256, at_256), (512, at_512)):
        network = patch_discriminator((side, side, 3), receptive_field=field, base_filters=1)
        assert network.output_shape == (None, rows, rows, 1)


@pytest.mark.parametrize("field", sorted(STRIDED_LAYERS))
def test_one_logit_depends_on_exactly_the_receptive_field(field):
    # Without norm: instance statistics would couple every logit to every pixel.
    side = 192 if field < 192 else 320
    network = patch_discriminator(
        (side, side, 1), 1, receptive_field=field, base_filters=1, norm="none"
    )
    assert receptive_field(network) == field
    for weight in network.weights:
        weight.assign(tf.ones_like(weight))
    source = target = tf.ones((1, side, side, 1))
    with tf.GradientTape() as tape:
        tape.watch(source)
        logits = network([source, target])
        middle = logits[0, logits.shape[1] // 2, logits.shape[2] // 2, 0]
    rows, columns = np.nonzero(tape.gradient(middle, source)[0, :, :, 0])
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (field, field)


@pytest.mark.parametrize(("norm", "axes"), [("instance", (1, 2)), ("batch", (0, 1, 2))])
def test_unet_computes_what_the_paper_says(norm, axes):
    network = fixed_weights(
        unet_generator((16, 8, 3), 2, depth=3, base_filters=2, norm=norm, dropout_levels=0)
    )
    image = smooth_images((2, 16, 8, 3))
    expected = reference.unet(image.numpy(), reference.weights_of(network), 3, axes)
    np.testing.assert_allclose(network(image, training=True), expected, atol=2e-5)


@pytest.mark.parametrize("name", sorted(CONVENTIONS))
@pytest.mark.parametrize("skips", [True, False])
def test_unet_computes_what_each_implementation_does(name, skips):
    network = fixed_weights(
        unet_generator(
            (16, 8, 3), 2, depth=3, base_filters=2, norm="batch", conventions=name, skips=skips
        )
    )
    # The wording of spec tables, not of our dataclass.
    tutorial = {"leak": 0.3, "epsilon": 1e-3, "activated_skips": True}
    differs = {
        "affinelayer": {"innermost_norm": True},
        "tf_tutorial": {"innermost_norm": True, **tutorial},
    }.get(name, {})
    image = smooth_images((1, 16, 8, 3))
    weights = reference.weights_of(network)
    expected = reference.unet(image.numpy(), weights, 3, (1, 2), skips=skips, **differs)
    np.testing.assert_allclose(network(image, training=False), expected, atol=2e-5)


@pytest.mark.parametrize("upsampling", ["nearest", "bilinear"])
def test_resize_convolution_makes_no_checkerboard(upsampling):
    """A constant map stays constant away from the border, which transposed convolution breaks."""

    def ripple(kind):
        network = unet_generator(
            (None, None, 1),
            1,
            depth=2,
            base_filters=2,
            norm="none",
            conventions=Conventions(upsampling=kind),
        )
        inner = fixed_weights(network)(tf.fill((1, 64, 64, 1), 0.3))[0, 16:-16, 16:-16]
        return float(tf.reduce_max(inner) - tf.reduce_min(inner))

    assert ripple(upsampling) < 1e-5
    assert ripple("transpose") > 1e-2


@pytest.mark.parametrize("upsampling", ["nearest", "bilinear"])
def test_resize_convolution_keeps_sizes_and_multiples(upsampling):
    network = unet_generator(
        (None, None, 2), 5, depth=3, base_filters=2, conventions=Conventions(upsampling=upsampling)
    )
    assert network(smooth_images((1, 16, 40, 2))).shape == (1, 16, 40, 5)
    assert inference.size_multiple(network) == 8


def test_patchgan_computes_what_the_paper_says():
    network = fixed_weights(patch_discriminator((24, 16, 3), 2, receptive_field=34, base_filters=2))
    source, target = smooth_images((2, 24, 16, 3)), smooth_images((2, 24, 16, 2), seed=1)
    expected = reference.patchgan(
        source.numpy(), target.numpy(), reference.weights_of(network), strided=2
    )
    np.testing.assert_allclose(network([source, target]), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_output_is_the_recorded_one(name):
    case = NETWORKS[name]
    model = fixed_weights(case.build())
    output = call(model, [smooth_images(shape, i) for i, shape in enumerate(case.inputs)])
    np.testing.assert_allclose(output.numpy().ravel()[:8], GOLDENS[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_bottleneck_carries_information_at_batch_one(norm):
    """The paper's erratum: a norm over the innermost single pixel would make it constant."""
    network = unet_generator((32, 32, 3), base_filters=4, norm=norm)
    innermost = keras.Model(network.input, network.get_layer("up4_activation").input)
    codes = [innermost(smooth_images((1, 32, 32, 3), seed), training=True) for seed in (0, 1)]
    assert codes[0].shape == (1, 1, 1, 32)
    assert np.abs(codes[0] - codes[1]).max() > 1e-3


def test_dropout_is_on_in_training_only():
    network = unet_generator((32, 32, 3), base_filters=4, dropout_levels=2)
    image = smooth_images((1, 32, 32, 3))
    noisy = [network(image, training=True) for _ in range(2)]
    assert np.abs(noisy[0] - noisy[1]).max() > 1e-4
    np.testing.assert_array_equal(network(image), network(image))


@pytest.mark.parametrize(
    ("conventions", "depth", "asked", "expected"),
    [
        ("paper", 8, 3, ["up7", "up6", "up5"]),
        ("paper", 5, 3, ["up4", "up3", "up2"]),
        ("torch", 3, 3, ["up2"]),
        ("tf_tutorial", 5, 0, []),
        ("pytorch", 8, 3, ["up6", "up5", "up4"]),
        ("pytorch", 7, 3, ["up5", "up4"]),
        ("pytorch", 8, 0, []),
    ],
)
def test_dropout_ends_the_levels_of_each_convention(conventions, depth, asked, expected):
    network = unet_generator(
        (None, None, 3), depth=depth, base_filters=1, dropout_levels=asked, conventions=conventions
    )
    names = [layer.name for layer in network.layers if layer.name.endswith("_dropout")]
    assert names == [f"{level}_dropout" for level in expected]


@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_translation_does_not_depend_on_the_neighbours_in_a_batch(norm):
    network = fixed_weights(unet_generator((32, 32, 3), depth=4, base_filters=4, norm=norm))
    batch = smooth_images((3, 32, 32, 3))
    together = network(batch, training=False)
    for index in range(3):
        alone = network(batch[index : index + 1], training=False)
        np.testing.assert_allclose(together[index], alone[0], atol=1e-5)


def test_a_trained_network_runs_at_twice_its_size():
    network = fixed_weights(unet_generator((None, None, 3), depth=5, base_filters=4))
    assert network(smooth_images((1, 64, 96, 3))).shape == (1, 64, 96, 3)


def test_every_layer_starts_with_weights_of_its_own():
    first, again, other = (unet_generator((32, 32, 3), base_filters=4, seed=s) for s in (1, 1, 2))
    kernels = [layer.kernel.numpy() for layer in first.layers if hasattr(layer, "kernel")]
    flat = [tuple(kernel.ravel()[:4]) for kernel in kernels]
    assert len(set(flat)) == len(kernels)
    assert np.std(np.concatenate([kernel.ravel() for kernel in kernels])) == pytest.approx(
        0.02, rel=0.02
    )
    for a, b, c in zip(first.trainable_variables, again.trainable_variables, other.weights):
        np.testing.assert_array_equal(a, b)
        assert "beta" in c.name or "bias" in c.name or np.abs(a - c).max() > 0


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_gives_close_float32_results(policy):
    image = smooth_images((1, 32, 32, 3))
    full = unet_generator((32, 32, 3), base_filters=8, seed=1)
    full_judge = patch_discriminator((32, 32, 3), base_filters=8, seed=1)
    keras.mixed_precision.set_global_policy(policy)
    try:
        half = unet_generator((32, 32, 3), base_filters=8, seed=1)
        judge = patch_discriminator((32, 32, 3), base_filters=8, seed=1)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert half(image).dtype == judge([image, image]).dtype == tf.float32
    np.testing.assert_allclose(half(image), full(image), atol=0.05)
    np.testing.assert_allclose(judge([image, image]), full_judge([image, image]), atol=0.05)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (
            ((300, 300, 3),),
            {"depth": 8},
            "The sides of `input_shape` must be multiples of 256 (2**depth). Received: "
            "input_shape=(300, 300, 3), depth=8. Use sides of [256, 256] or depth=2.",
        ),
        (
            ((99, 64, 3),),
            {},
            "The sides of `input_shape` must be multiples of 64 (2**depth). Received: "
            "input_shape=(99, 64, 3), depth=6. Use sides of [128, 64].",
        ),
        (
            ((None, None, 3),),
            {},
            "`depth` must be given when `input_shape` leaves the sides open. Received: "
            "input_shape=(None, None, 3), depth=None. Use 8, the paper's depth for 256 pixels.",
        ),
        (
            ((32, 32, 3),),
            {"depth": 1},
            "`depth` must be at least 2. Received: depth=1, input_shape=(32, 32, 3). Use 2 or "
            "more, and sides of at least 4 pixels.",
        ),
        (
            ((32, 32, 3),),
            {"norm": "layer"},
            "`norm` must be one of ['batch', 'batch_sync', 'instance', 'none']. Received: "
            "norm='layer'.",
        ),
    ],
)
def test_unet_refuses_what_it_cannot_build(arguments, options, message):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        unet_generator(*arguments, **options)


def test_unknown_conventions_are_refused():
    message = (
        "`conventions` must be one of ['affinelayer', 'paper', 'pytorch', 'tf_tutorial', 'torch']. "
        "Received: conventions='lua'."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        patch_discriminator(conventions="lua")
    message = (
        "`upsampling` must be one of ['bilinear', 'nearest', 'transpose']. Received: "
        "upsampling='cubic'."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        Conventions(upsampling="cubic")
    message = (
        "`initializer` must be one of ['kaiming', 'normal', 'orthogonal', 'xavier']. Received: "
        "initializer='he'."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        Conventions(initializer="he")


def test_patchgan_refuses_what_it_cannot_build():
    fields = sorted(STRIDED_LAYERS)
    message = (
        f"`receptive_field` must be one of {fields}. Received: receptive_field=71. 70 is the "
        "paper's choice."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        patch_discriminator(receptive_field=71)
    message = (
        "The sides of `input_shape` must be multiples of 8 and at least 24 pixels for "
        "receptive_field=70. Received: input_shape=(16, 64, 3). Use larger images or a smaller "
        "receptive field."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        patch_discriminator((16, 64, 3))
