"""Every public network, layer, loss, metric and model goes through the checks of its kind."""

import importlib
import pkgutil
import warnings
from collections.abc import Mapping
from types import ModuleType

import pytest

import tfpix2pix
from tests import cases, checks
from tfpix2pix import layers, losses, metrics, models, networks


@pytest.mark.parametrize("name", sorted(cases.NETWORKS))
def test_network(name, tmp_path):
    checks.check_network(cases.NETWORKS[name], tmp_path)


@pytest.mark.parametrize("name", sorted(cases.LAYERS))
def test_layer(name):
    checks.check_layer(cases.LAYERS[name])


@pytest.mark.parametrize("name", sorted(cases.LOSSES))
def test_loss(name):
    checks.check_loss(cases.LOSSES[name])


@pytest.mark.parametrize("name", sorted(cases.METRICS))
def test_metric(name):
    checks.check_metric(cases.METRICS[name])


@pytest.mark.parametrize("name", sorted(cases.MODELS))
def test_model(name):
    checks.check_model(cases.MODELS[name])


def test_every_public_name_has_a_case():
    # What is neither is tested with what it describes, in test_networks and test_perceptual.
    others = {"PerceptualFeatures", "TwinNetworks", "receptive_field"}
    assert set(cases.NETWORKS) == set(networks.__all__) - others
    assert set(cases.LAYERS) == set(layers.__all__) - {"CONVENTIONS", "Conventions"}
    assert set(cases.LOSSES) == set(losses.__all__)
    # A feature model, a baseline over two data sets, and what takes no pair of images.
    others = {"inception_features", "mean_image_l1", "SegmentationScores", "segmentation_scores"}
    others |= {"sharpness"}
    assert set(cases.METRICS) == set(metrics.__all__) - others
    # The base class is tested through its subclasses, the pool in test_image_pool.
    others = {"Column", "ImagePool", "TranslationModel"}
    assert set(cases.MODELS) == set(models.__all__) - others


def test_every_name_of_the_library_is_a_module_or_has_an_example():
    for name in tfpix2pix.__all__:
        value = getattr(tfpix2pix, name)
        assert isinstance(value, (ModuleType, Mapping)) or documented(name, value), name


def documented(name, value):
    return name.endswith("Config") or ">>>" in value.__doc__  # Configurations are plain data.


def test_every_module_can_be_imported():
    with warnings.catch_warnings():
        warnings.simplefilter("error", SyntaxWarning)
        names = [m.name for m in pkgutil.walk_packages(tfpix2pix.__path__, "tfpix2pix.")]
        assert len(names) > 20
        for name in names:
            importlib.import_module(name)
