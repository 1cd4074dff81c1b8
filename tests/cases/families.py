"""A tiny configuration of every family, on data that a test makes."""

import dataclasses
from functools import partial

import numpy as np

from tests.cases import toy
from tfpix2pix import families
from tfpix2pix.config import TrainConfig
from tfpix2pix.data import codecs
from tfpix2pix.datasets import synthetic
from tfpix2pix.families import preset

TRAIN = TrainConfig(
    steps=6,
    batch_size=2,
    ema_decay=0.5,
    checkpoint_every=100,
    log_every=2,
    seed=4,
    learning_rate=1e-3,
)
# Families that only tests know, beside those of `tfpix2pix.families.FAMILIES`.
TEST_FAMILIES = {"toy": toy.FAMILY}
# What each family is tried with; the toy's only experiment is as small.
DEBUG = {
    **{name: family.presets[f"{name}_debug"] for name, family in families.FAMILIES.items()},
    "toy": toy.FAMILY.presets["toy"],
}


def write_domains(folder, counts=(5, 3)):
    """Writes domains: label maps are A, photos are B, and C if asked for; returns the folder."""
    for split, offset in (("train", 0), ("test", 100)):
        for domain, count in zip("ABC", counts):
            for index in range(count):
                photo, labels = synthetic.facade((36, 32), offset + index)
                image = labels if domain == "A" else photo
                codecs.write(np.ascontiguousarray(image), folder / f"{split}{domain}/{index}.png")
    return folder


def pix2pix(folder, dropout_levels=1):
    """pix2pix with a one-hot source, on pairs."""
    synthetic.write_pairs(folder / "train", 5, (32, 32), seed=0)
    synthetic.write_pairs(folder / "test", 2, (32, 32), seed=1)
    config = preset("pix2pix_debug").with_data(folder)
    data = dataclasses.replace(config.data, source_labels="cmp_facades")
    model = dataclasses.replace(config.model, dropout_levels=dropout_levels)
    return dataclasses.replace(config, data=data, model=model, train=TRAIN)


def cyclegan(folder, pool_size=3):
    """CycleGAN with pools that fill amid the training, on two domains."""
    config = preset("cyclegan_debug").with_data(write_domains(folder))
    # By the paper's conventions, since the reference's biases before a norm have no gradient.
    options = {"conventions": "paper", "pool_size": pool_size}
    options |= {"cycle_weight": (2.0, 1.0), "identity_weight": (0.5, 0.0)}
    model = dataclasses.replace(config.model, **options)
    return dataclasses.replace(config, model=model, train=TRAIN)


def cut(folder, patches=8, **options):
    """CUT with its identity term, on two domains."""
    config = preset("cut_debug").with_data(write_domains(folder))
    # By the paper's conventions, since the reference's biases before a norm have no gradient.
    options = {"conventions": "paper", "gain": 1.0, "identity": True, **options}
    model = dataclasses.replace(config.model, patches=patches, **options)
    return dataclasses.replace(config, model=model, train=TRAIN)


def toy_paper(folder):
    """The toy paper, on two domains."""
    config = toy.FAMILY.presets["toy"].with_data(write_domains(folder))
    return dataclasses.replace(config, train=TRAIN)


def twingan(folder, **options):
    """TwinGAN from 4 to 8 pixels: one step, two that fade and three, on two domains."""
    config = preset("twingan_tiny").with_data(write_domains(folder))
    data = dataclasses.replace(config.data, image_size=(8, 8), load_size=None)
    images = {"4": 2, "8 fade": 4, "8": 6}
    options = {"base_filters": 8, "most_filters": 6, "images": images, **options}
    model = dataclasses.replace(config.model, **options)
    return dataclasses.replace(config, data=data, model=model, train=TRAIN)


def write_streets(folder, splits=(("train", 5), ("test", 2))):
    """Writes scenes of label maps, instance maps and photos as published ones are named."""
    for split, count in splits:
        for index in range(count):
            random = np.random.default_rng((index, len(split)))
            label = random.integers(0, 5, (4, 8, 1)).repeat(8, 0).repeat(8, 1).astype("uint8")
            instance = (
                label.astype("uint16")
                + 33_000
                + random.integers(0, 2, (2, 2, 1)).repeat(16, 0).repeat(32, 1)
            )
            photo = (40 * label + random.integers(0, 40, (32, 64, 3))).astype("uint8")
            scene = {"label": label, "inst": instance.astype("uint16"), "img": photo}
            for place, pixels in scene.items():
                codecs.write(pixels, folder / f"{split}_{place}/town_{index}_{place}Ids.png")
    return folder


def pix2pixhd(folder, **options):
    """pix2pixHD with features, two steps of its enhancer and four of all, on scenes."""
    config = preset("pix2pixhd_debug").with_data(write_streets(folder))
    data = dataclasses.replace(config.data, image_size=(32, 64), source_labels=5)
    options = {"enhancers": 1, "enhancer_steps": 2, "instance_features": 2, "clusters": 3} | options
    # By the paper's conventions, since biases before a norm have no gradient.
    options = {"conventions": "paper", "encoder_filters": 4, "enhancer_blocks": 1} | options
    model = dataclasses.replace(config.model, **options)
    return dataclasses.replace(config, data=data, model=model, train=TRAIN)


def hints(folder, **options):
    """Hints on photos, which are larger than the networks work at."""
    for split, count in (("train", 5), ("test", 2)):
        for index in range(count):
            photo, _ = synthetic.facade((36, 32), index + 100 * (split == "test"))
            codecs.write(photo, folder / split / f"{index}.png")
    config = preset("hints_debug").with_data(folder)
    # Weights of deviation 0.02 make much of the least difference.
    model = dataclasses.replace(config.model, **{"depth": 3, "gain": 0.1, **options})
    return dataclasses.replace(config, model=model, train=TRAIN)


def styles(folder, **options):
    """A photo and two styles, of which the second is as the photos."""
    write_domains(folder, counts=(5, 3, 4))
    config = preset("styles_debug").with_data(folder)
    options = {"domains": "A,B,C", **options}
    model = dataclasses.replace(config.model, **options)
    return dataclasses.replace(config, model=model, train=TRAIN)


FAMILIES = {
    "hints": hints,
    "pix2pix": pix2pix,
    "cyclegan": cyclegan,
    "cut": cut,
    "pix2pixhd": pix2pixhd,
    "styles": styles,
    "twingan": twingan,
    "toy": toy_paper,
}
# Replicas draw noise of their own, and so their pools, so two do not train as one.
NOISELESS = {
    **FAMILIES,
    # Weights of deviation 0.02 make much of the least difference.
    "pix2pixhd": partial(pix2pixhd, gain=0.1),
    "pix2pix": partial(pix2pix, dropout_levels=0),
    "cyclegan": partial(cyclegan, pool_size=0),
    # All places of all maps, of which none is drawn.
    "cut": partial(cut, patches=38 * 38, mirrored="never", nce_weight=1.0, temperature=0.5),
    # By batch norm, and by how much the images of a batch differ, a part of it is another batch.
    # Weights of deviation 0.02, and flat images, make much of the least difference.
    "twingan": partial(
        twingan, norm="instance", minibatch_deviation=False, learning_rates="equalized"
    ),
}
