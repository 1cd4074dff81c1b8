"""A case for every public network, layer, loss, metric and model, with non-default arguments."""

from dataclasses import dataclass
from functools import partial
from typing import Callable

import numpy as np
import tensorflow as tf
from tensorflow import keras

from tfpix2pix import CycleGAN, Pix2Pix, TwinGAN, layers, load_run, losses, metrics
from tfpix2pix.families import Phase
from tfpix2pix.models import CUT, HintedPix2Pix, Pix2PixHD, Stylization
from tfpix2pix.models.cyclegan import DISCRIMINATORS, GENERATORS
from tfpix2pix.models.domain_vectors import NO_VECTORS
from tfpix2pix.networks import (
    TwinNetworks,
    enhanced_generator,
    feature_maps,
    hinted_translator,
    image_discriminator,
    multiscale_discriminator,
    patch_discriminator,
    patch_projector,
    resnet_generator,
    scene_translator,
    style_encoders,
    style_translator,
    stylization_generator,
    twingan_discriminators,
    twingan_embedder,
    twingan_encoders,
    twingan_generators,
    twingan_translator,
    unet_generator,
)


@dataclass(frozen=True)
class Case:
    """How to build a thing, the shapes of its inputs and the shape of its output."""

    build: Callable
    inputs: tuple
    output: tuple


IMAGE = (2, 16, 24, 3)
TWINS = TwinNetworks(8, base_filters=6, most_filters=4, norm="instance", seed=5)


def _embedding():
    """Returns an encoder without the maps of its skips."""
    encoder = twingan_encoders(TWINS)["8 fade"]
    return keras.Model(encoder.inputs, encoder.outputs[0])


def _coarse_logits():
    """Returns the coarser discriminator of two, its logits alone."""
    judge = multiscale_discriminator(IMAGE[1:], 2, layers=1, base_filters=4, norm="none", seed=5)
    return keras.Model(judge.inputs, judge.outputs[2])


def _scenes():
    """Returns the network of scenes, with all its controls."""
    options = {"base_filters": 4, "blocks": 1, "norm": "none"}
    generator = enhanced_generator((None, None, 6), halvings=1, enhancer_blocks=1, **options)
    encoder = resnet_generator((None, None, 3), 2, base_filters=2, blocks=0, norm="none")
    centroids = [[[0.1, 0.9], [0.5, -0.5]], [], [[-1.0, 0.3]]]
    return scene_translator(
        generator, source_channels=3, has_instances=True, encoder=encoder, centroids=centroids
    )


NETWORKS = {
    "enhanced_generator": Case(
        partial(
            enhanced_generator,
            IMAGE[1:],
            2,
            base_filters=8,
            blocks=1,
            halvings=1,
            enhancers=2,
            enhancer_blocks=1,
            norm="none",
            seed=5,
        ),
        (IMAGE,),
        (2, 16, 24, 2),
    ),
    "feature_maps": Case(
        lambda: feature_maps(
            resnet_generator(IMAGE[1:], base_filters=4, blocks=2, norm="none", seed=5), ["block1"]
        ),
        (IMAGE,),
        (2, 4, 6, 16),
    ),
    "patch_projector": Case(
        partial(patch_projector, [5], units=7, initializer="normal", gain=0.3, seed=5),
        ((2, 6, 5),),
        (2, 6, 7),
    ),
    "hinted_translator": Case(
        lambda: hinted_translator(
            unet_generator((None, None, 6), 2, depth=2, base_filters=4),
            source_channels=3,
            shorter_side=12,
            multiple=4,
        ),
        (IMAGE, (2, 5, 5)),
        (2, 16, 24, 2),
    ),
    "multiscale_discriminator": Case(_coarse_logits, (IMAGE, (2, 16, 24, 2)), (2, 7, 9, 1)),
    "scene_translator": Case(_scenes, (IMAGE, (2, 16, 24, 1), (2, 16, 24, 1), IMAGE), IMAGE),
    "style_encoders": Case(lambda: style_encoders(TWINS, 5)["8 fade"], ((2, 8, 8, 3),), (2, 5)),
    "unet_generator": Case(
        partial(unet_generator, IMAGE[1:], 2, depth=3, base_filters=4, norm="batch", seed=5),
        (IMAGE,),
        (2, 16, 24, 2),
    ),
    "patch_discriminator": Case(
        partial(patch_discriminator, IMAGE[1:], 2, receptive_field=34, base_filters=4, seed=5),
        (IMAGE, (2, 16, 24, 2)),
        (2, 2, 4, 1),
    ),
    "image_discriminator": Case(
        partial(image_discriminator, IMAGE[1:], receptive_field=34, base_filters=4, seed=5),
        (IMAGE,),
        (2, 2, 4, 1),
    ),
    # Without norm: biases before a norm have no gradient.
    "stylization_generator": Case(
        partial(stylization_generator, IMAGE[1:], 2, styles=3, base_filters=4, blocks=1, seed=5),
        (IMAGE, (2, 3)),
        (2, 16, 24, 2),
    ),
    "style_translator": Case(
        lambda: style_translator(
            stylization_generator((None, None, 3), base_filters=4, blocks=1), 1
        ),
        (IMAGE,),
        (2, 16, 24, 3),
    ),
    "resnet_generator": Case(
        partial(resnet_generator, IMAGE[1:], 2, base_filters=4, blocks=2, norm="none", seed=5),
        (IMAGE,),
        (2, 16, 24, 2),
    ),
    "twingan_encoders": Case(_embedding, (IMAGE, (2, 2), (2, 4)), (2, 8, 12, 4)),
    "twingan_generators": Case(
        lambda: twingan_generators(TWINS, 2)["8 fade"],
        ((2, 4, 6, 4), (2, 8, 12, 4), (2, 2), (2, 4)),
        (2, 8, 12, 2),
    ),
    "twingan_discriminators": Case(
        lambda: twingan_discriminators(TWINS)["8 fade"], ((2, 8, 8, 3),), (2, 1, 1, 1)
    ),
    "twingan_embedder": Case(
        lambda: twingan_embedder(twingan_encoders(TWINS)["8"], 1, 8), ((2, 8, 8, 3),), (2, 64)
    ),
    "twingan_translator": Case(
        lambda: twingan_translator(
            twingan_encoders(TWINS)["8"], twingan_generators(TWINS)["8"], (0, 1)
        ),
        (IMAGE,),
        IMAGE,
    ),
}

LAYERS = {
    "DoublingConv2D": Case(
        partial(layers.DoublingConv2D, 5, activation="relu", name="conv"), (IMAGE,), (2, 32, 48, 5)
    ),
    "AlignedConv2DTranspose": Case(
        partial(layers.AlignedConv2DTranspose, 5, activation="relu", name="conv"),
        ((2, 3, 4, 6),),
        (2, 6, 8, 5),
    ),
    "AppearanceLookup": Case(
        partial(layers.AppearanceLookup, [[[0.1, 0.9], [0.5, -0.5]], [], [[-1.0, 0.3]]]),
        (IMAGE, (2, 16, 24, 1), (2, 16, 24, 1)),
        (2, 16, 24, 2),
    ),
    "BorderlessAveragePooling2D": Case(
        partial(layers.BorderlessAveragePooling2D, name="pool"), ((2, 15, 24, 3),), (2, 8, 12, 3)
    ),
    "ConditionProjection": Case(
        partial(layers.ConditionProjection, "glorot_normal", name="projection"),
        (IMAGE, (2, 4)),
        (2, 16, 24, 1),
    ),
    "NearestDoubling2D": Case(
        partial(layers.NearestDoubling2D, name="double"), (IMAGE,), (2, 32, 48, 3)
    ),
    "BlurPooling2D": Case(
        partial(layers.BlurPooling2D, name="blur"), ((2, 15, 24, 3),), (2, 8, 12, 3)
    ),
    "FeatureChoice": Case(
        partial(layers.FeatureChoice, name="choice"), (IMAGE, IMAGE, IMAGE), IMAGE
    ),
    "ImageSize": Case(partial(layers.ImageSize, 8, 12), ((2, 12, 12, 2), IMAGE), (2, 16, 24, 2)),
    "PointMap": Case(partial(layers.PointMap, 8, 12), ((2, 5, 7), IMAGE), (2, 12, 12, 5)),
    "WorkingSize": Case(partial(layers.WorkingSize, 8, 12), (IMAGE,), (2, 12, 12, 3)),
    "InstanceBoundaries": Case(
        partial(layers.InstanceBoundaries, name="boundaries"), ((2, 16, 24, 1),), (2, 16, 24, 1)
    ),
    "InstanceMean": Case(partial(layers.InstanceMean, name="mean"), (IMAGE, (2, 16, 24, 1)), IMAGE),
    "ReflectionPadding2D": Case(
        partial(layers.ReflectionPadding2D, 3, name="pad"), (IMAGE,), (2, 22, 30, 3)
    ),
    "ReflectedConv2D": Case(
        partial(layers.ReflectedConv2D, 5, 7, activation="relu", name="conv"),
        (IMAGE,),
        (2, 16, 24, 5),
    ),
    "MatrixConv2D": Case(
        partial(layers.MatrixConv2D, 64, 4, strides=2, padding="same", name="conv"),
        ((2, 4, 5, 3),),
        (2, 2, 3, 64),
    ),
    "MatrixConv2DTranspose": Case(
        partial(layers.MatrixConv2DTranspose, 5, 4, strides=2, padding="same", name="conv"),
        ((2, 2, 1, 16),),
        (2, 4, 2, 5),
    ),
    "SpectralConv2D": Case(
        partial(layers.SpectralConv2D, 5, 3, padding="same", strides=2, name="conv"),
        (IMAGE,),
        (2, 8, 12, 5),
    ),
    "InstanceNormalization": Case(
        partial(layers.InstanceNormalization, epsilon=1e-2, name="norm"), (IMAGE,), IMAGE
    ),
    "BatchNormalization": Case(
        partial(layers.BatchNormalization, momentum=0.7, epsilon=1e-2, name="norm"), (IMAGE,), IMAGE
    ),
    "DomainNormalization": Case(
        partial(layers.DomainNormalization, 3, "batch", conditions=4, paths=2, momentum=0.7),
        (IMAGE, (2, 3), (2, 2), (2, 4)),
        IMAGE,
    ),
    "OneHot": Case(partial(layers.OneHot, 1, 3, name="domain"), (IMAGE,), (2, 3)),
    "Fade": Case(partial(layers.Fade, name="fade"), (IMAGE, IMAGE), IMAGE),
    "PixelNormalization": Case(
        partial(layers.PixelNormalization, 1e-3, 0.3, name="pixel"), (IMAGE,), IMAGE
    ),
    "ThriftyLeakyReLU": Case(partial(layers.ThriftyLeakyReLU, 0.3, name="leak"), (IMAGE,), IMAGE),
    "MinibatchDeviation": Case(
        partial(layers.MinibatchDeviation, name="deviation"), (IMAGE,), (2, 16, 24, 4)
    ),
    "EqualizedConv2D": Case(
        partial(layers.EqualizedConv2D, 5, 3, gain=2.0, padding="same", name="conv"),
        (IMAGE,),
        (2, 16, 24, 5),
    ),
    "Dropout": Case(partial(layers.Dropout, 0.3, seed=4, name="dropout"), (IMAGE,), IMAGE),
    "normalization": Case(
        partial(layers.normalization, "instance", epsilon=0.1, name="norm"), (IMAGE,), IMAGE
    ),
}

LOGITS = (2, 3, 5, 1)


def _judge(target):
    """Stands for a discriminator: smooth, and of another slope everywhere."""
    return tf.reduce_sum(tf.sin(tf.cast(target, "float32")), axis=-1, keepdims=True)


def _dragan_alone(real, fake, noise):
    """DRAGAN without noise: its deviation is that of the batch, so examples do depend on it."""
    return losses.dragan(_judge, real, fake, 0 * noise)


def _dragan_variance_alone(real, fake, noise):
    """The same without the source's noise."""
    return losses.dragan_variance(_judge, real, fake, 0 * noise)


def _matched(real, fake):
    """Feature matching of two scales."""
    return losses.feature_matching([[real, real], [real, fake, fake]], [[fake, fake]] * 2)


def _perceptual(real, fake):
    """The perceptual loss of two layers."""
    return losses.perceptual([real, real], [fake, real])


def _by_layers(loss):
    """A loss of two layers."""
    return lambda real, fake: loss([real, 2 * real], [fake, fake])


LOSSES = {
    "cross_entropy": Case(lambda: losses.cross_entropy.discriminator, (LOGITS, LOGITS), (2,)),
    "cross_entropy_discriminator": Case(
        lambda: losses.cross_entropy_discriminator, (LOGITS, LOGITS), (2,)
    ),
    "cross_entropy_generator": Case(lambda: losses.cross_entropy_generator, (LOGITS,), (2,)),
    "AdversarialLoss": Case(
        lambda: losses.AdversarialLoss(None, losses.cross_entropy_generator).generator,
        (LOGITS,),
        (2,),
    ),
    "adversarial": Case(
        lambda: losses.adversarial("least_squares", real_label=0.8).discriminator,
        (LOGITS, LOGITS),
        (2,),
    ),
    "least_squares": Case(lambda: losses.least_squares.generator, (LOGITS,), (2,)),
    "least_squares_discriminator": Case(
        lambda: losses.least_squares_discriminator, (LOGITS, LOGITS), (2,)
    ),
    "least_squares_generator": Case(lambda: losses.least_squares_generator, (LOGITS,), (2,)),
    "hinge": Case(lambda: losses.hinge.discriminator, (LOGITS, LOGITS), (2,)),
    "hinge_discriminator": Case(lambda: losses.hinge_discriminator, (LOGITS, LOGITS), (2,)),
    "wasserstein": Case(lambda: losses.wasserstein.discriminator, (LOGITS, LOGITS), (2,)),
    "wasserstein_discriminator": Case(
        lambda: losses.wasserstein_discriminator, (LOGITS, LOGITS), (2,)
    ),
    "linear_generator": Case(lambda: losses.linear_generator, (LOGITS,), (2,)),
    "penalty": Case(lambda: partial(losses.penalty("r1"), _judge), (IMAGE, IMAGE, IMAGE), (2,)),
    "wgan_gp": Case(lambda: partial(losses.wgan_gp, _judge), (IMAGE, IMAGE, IMAGE), (2,)),
    "dragan": Case(lambda: _dragan_alone, (IMAGE, IMAGE, IMAGE), (2,)),
    "dragan_variance": Case(lambda: _dragan_variance_alone, (IMAGE, IMAGE, IMAGE), (2,)),
    "r1": Case(lambda: partial(losses.r1, _judge), (IMAGE, IMAGE, IMAGE), (2,)),
    "feature_matching": Case(lambda: _matched, (IMAGE, IMAGE), (2,)),
    "patch_nce": Case(
        lambda: partial(losses.patch_nce, temperature=0.2), ((2, 6, 5), (2, 6, 5)), (2,)
    ),
    "perceptual": Case(lambda: _perceptual, (IMAGE, IMAGE), (2,)),
    "content": Case(lambda: _by_layers(losses.content), (IMAGE, IMAGE), (2,)),
    "gram": Case(lambda: _by_layers(losses.gram), (IMAGE, IMAGE), (2,)),
    "l1": Case(lambda: losses.l1, (IMAGE, IMAGE), (2,)),
    "l2": Case(lambda: losses.l2, (IMAGE, IMAGE), (2,)),
    "masked_l1": Case(lambda: losses.masked_l1, (IMAGE, IMAGE, (2, 16, 24, 1)), (2,)),
}


def tiny_pix2pix(norm="instance", dropout_levels=0, optimizer=None, **options):
    """Returns a compiled Pix2Pix for 32-pixel images."""
    generator = unet_generator(
        (32, 32, 3), depth=3, base_filters=4, norm=norm, dropout_levels=dropout_levels
    )
    discriminator = patch_discriminator((32, 32, 3), receptive_field=34, base_filters=4, norm=norm)
    model = Pix2Pix(generator, discriminator, **options)
    model.compile(optimizer and {player: optimizer() for player in model.players})
    return model


def tiny_cyclegan(channels=(3, 3), optimizer=None, norm="instance", **options):
    """Returns a compiled CycleGAN for 32-pixel images."""
    options = {"pool_size": 0, **options}
    shared = {"base_filters": 4, "norm": norm}
    sides = (32, 32)
    players = {
        name: resnet_generator((*sides, source), target, blocks=1, seed=seed, **shared)
        for seed, (name, source, target) in enumerate(zip(GENERATORS, channels, channels[::-1]))
    }
    for seed, (name, count) in enumerate(zip(DISCRIMINATORS, channels)):
        players[name] = image_discriminator(
            (*sides, count), receptive_field=16, seed=seed, **shared
        )
    model = CycleGAN(players, **options)
    model.compile(optimizer and {player: optimizer() for player in model.players})
    return model


def tiny_twingan(
    optimizer=None,
    size=8,
    norm="batch",
    ema_decay=0.0,
    domains="AB",
    vectors=NO_VECTORS,
    **options,
):
    """Returns a compiled TwinGAN in its last phase, whose names are those of `phase_names`."""
    sizes = {"base_filters": 16, "most_filters": 4, "discriminator_deviation": 0.0}
    sizes["conditions"] = vectors.whole
    twins = TwinNetworks(size, len(domains), norm=norm, momentum=0.9, **sizes)
    players = {"encoder": twingan_encoders(twins), "generator": twingan_generators(twins)}
    if vectors.codes:
        players["style_encoder"] = style_encoders(twins, vectors.codes)
    for domain in domains:
        name = f"discriminator_{domain}"
        length = vectors.length if domain in vectors.domains else 0
        players[name] = twingan_discriminators(twins, conditions=length, name=name)
    growing = {p: {name: made[p] for name, made in players.items()} for p in players["encoder"]}
    model = TwinGAN(growing, vectors=vectors, **options)
    optimizers = optimizer and {player: optimizer() for player in model.players}
    model.compile(optimizers, ema_decay=ema_decay)
    model.enter(Phase(str(size), 1, 2, (size, size)), 0.5)
    return model


def tiny_pix2pixhd(optimizer=None, has_instances=False, encoded=False, enhanced=False, **options):
    """Returns a compiled Pix2PixHD of three classes, for 16-pixel images."""
    sizes = {"base_filters": 4, "norm": "none"}
    condition = 3 + has_instances
    judge = multiscale_discriminator((None, None, condition), layers=1, **sizes)
    shape = (None, None, condition + 2 * encoded)
    encoder = resnet_generator((None, None, 3), 2, blocks=0, **sizes) if encoded else None
    if enhanced:
        inner = {"halvings": 1, "enhancer_blocks": 1}
        generator = enhanced_generator(shape, blocks=1, **inner, **sizes)
    else:
        generator = resnet_generator(shape, blocks=1, **sizes)
    model = Pix2PixHD(
        generator,
        judge,
        encoder,
        has_instances=has_instances,
        **options,
    )
    model.compile(optimizer and {player: optimizer() for player in model.players})
    return model


def tiny_cut(optimizer=None, names=("image", "down1", "block1"), **options):
    """Returns a compiled CUT for 32-pixel images."""
    options = {"patches": 16, **options}
    shape = (32, 32, 3)
    generator = resnet_generator(shape, base_filters=4, blocks=1, conventions="paper")
    maps = feature_maps(generator, names)
    players = {
        "generator": generator,
        "discriminator": image_discriminator(shape, receptive_field=16, base_filters=4),
        "projector": patch_projector([x.shape[-1] for x in maps.outputs], units=32, gain=1.0),
    }
    model = CUT(players, maps, **options)
    model.compile(optimizer and {player: optimizer() for player in model.players})
    return model


def tiny_hints(optimizer=None, **options):
    """Returns a compiled HintedPix2Pix of one channel to two, for 32-pixel images."""
    generator = unet_generator((32, 32, 4), 2, depth=3, base_filters=4, dropout_levels=0)
    discriminator = patch_discriminator((32, 32, 1), 2, receptive_field=16, base_filters=4)
    model = HintedPix2Pix(generator, discriminator, **options)
    model.compile(optimizer and {player: optimizer() for player in model.players})
    return model


def tiny_stylization(optimizer=None, domains="AB", **options):
    """Returns a compiled Stylization for 16-pixel images."""
    generator = stylization_generator((16, 16, 3), styles=len(domains), base_filters=4, blocks=1)
    judge = image_discriminator(
        (16, 16, 3), receptive_field=1, base_filters=4, domains=len(domains), seed=1
    )
    players = {"generator": generator, "discriminator": judge}
    model = Stylization(players, domains, **options)
    model.compile(optimizer and {player: optimizer() for player in model.players})
    return model


MODELS = {
    "Stylization": Case(tiny_stylization, ((2, 16, 16, 3), (2, 16, 16, 3)), (2, 16, 16, 3)),
    # Of one phase, since the model has the layers of all, and moves those of its phase.
    "TwinGAN": Case(partial(tiny_twingan, size=4), ((2, 4, 4, 3), (2, 4, 4, 3)), (2, 4, 4, 3)),
    "CUT": Case(tiny_cut, ((2, 32, 32, 3), (2, 32, 32, 3)), (2, 32, 32, 3)),
    "CycleGAN": Case(tiny_cyclegan, ((2, 32, 32, 3), (2, 32, 32, 3)), (2, 32, 32, 3)),
    "Pix2PixHD": Case(tiny_pix2pixhd, ((2, 16, 16, 3), (2, 16, 16, 3)), (2, 16, 16, 3)),
    "HintedPix2Pix": Case(tiny_hints, ((2, 32, 32, 1), (2, 4, 5), (2, 32, 32, 2)), (2, 32, 32, 2)),
    "Pix2Pix": Case(tiny_pix2pix, ((2, 32, 32, 3), (2, 32, 32, 3)), (2, 32, 32, 3)),
}


def open_generator(**options):
    """Returns a small generator with open sides, of multiple 4."""
    return unet_generator((None, None, 3), depth=2, base_filters=4, **options)


def fixed_weights(model):
    """Sets every variable to a sine of its own: seeds change with TensorFlow, this does not."""
    for offset, variable in enumerate(model.weights):
        count = int(np.prod(variable.shape))
        values = 0.5 * np.sin(np.arange(count) + offset).reshape(variable.shape)
        variable.assign(np.abs(values) + 0.5 if "variance" in variable.name else values)
    return model


def _mean_colors(images):
    """Stands for a feature model."""
    return tf.reduce_mean(images, (1, 2))


METRICS = {
    **{
        name: Case(lambda name=name: getattr(metrics, name), (IMAGE, IMAGE), (2,))
        for name in (
            *("l1", "l2", "psnr", "ssim"),
            *("lab_intersection", "color_distance", "sharpness_ratio"),
        )
    },
    "ms_ssim": Case(lambda: partial(metrics.ms_ssim, scales=1), (IMAGE, IMAGE), (2,)),
    **{
        name: Case(partial(getattr(metrics, name), name="mine"), (IMAGE, IMAGE), ())
        for name in (
            *("L1", "L2", "PSNR", "SSIM"),
            *("LabIntersection", "LabDistance", "ColorDistance", "SharpnessRatio"),
        )
    },
    "MSSSIM": Case(partial(metrics.MSSSIM, scales=1), (IMAGE, IMAGE), ()),
    "FID": Case(partial(metrics.FID, _mean_colors), (IMAGE, IMAGE), ()),
    "KID": Case(partial(metrics.KID, _mean_colors, subsets=2, subset_size=2), (IMAGE, IMAGE), ()),
}


def smooth_images(shape, seed=0):
    """Returns float32 images in [-1, 1] whose pixels all differ."""
    values = np.sin(0.37 * np.arange(int(np.prod(shape))) + seed) * np.cos(seed + 0.011)
    return tf.constant(values.reshape(shape), "float32")


def sgd(learning_rate=0.1):
    """Returns plain gradient descent, whose steps are the gradients."""
    return keras.optimizers.legacy.SGD(learning_rate)


def values(model):
    """Returns all variables of the model as a list of arrays."""
    return [variable.numpy() for variable in model.weights]


def restored_generator(run, **weights):
    """Returns the network of the first direction of a run; see `load_run`."""
    return load_run(run, **weights).direction()[1].network


def with_moving_statistics(network):
    """Returns the network with Keras' own batch norm, which uses moving statistics at test time."""

    def keras_norm(layer):
        if type(layer).__name__ != "BatchNormalization":
            return layer.__class__.from_config(layer.get_config())
        config = layer.get_config()
        return keras.layers.BatchNormalization.from_config(config)

    copy = keras.models.clone_model(network, clone_function=keras_norm)
    copy.set_weights(network.get_weights())
    return copy
