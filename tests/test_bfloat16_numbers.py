"""What is computed in bfloat16, on processors that compute in it; nothing is timed."""

import dataclasses
import io
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow import keras

from serving import translate as translate_by_export
from serving.client import Client
from serving.process import QUIET, local_server
from tests.cases import fixed_weights
from tests.cases.families import pix2pix
from tests.serving.local import picture
from tfpix2pix import bfloat16, export, load_run, unet_generator
from tfpix2pix.bfloat16 import AUTO_BFLOAT16, graph_precision
from tfpix2pix.checkpointing import newest_checkpoint, saved_values
from tfpix2pix.data.parallel import silent
from tfpix2pix.families import Worker, get_family
from training import evaluate, translate
from training.engine import loop

if not bfloat16.processor_flags().intersection(bfloat16.FLAGS):
    pytest.skip("the processor does not compute in bfloat16", allow_module_level=True)

ONE = tf.distribute.get_strategy()
ROUNDING = 2.0**-8  # Of bfloat16, which keeps 8 bits of a number.


def precise(config, precision, **train):
    changed = dataclasses.replace(config.train, precision=precision, **train)
    return dataclasses.replace(config, train=changed)


def test_products_are_rounded_to_8_bits_and_exact_again_outside():
    """A function that has run in float32, and one that has not; the result stays float32."""
    x = np.random.default_rng(0).normal(size=(64, 64)).astype("float32")
    expected = x.astype("float64") @ x
    scale = np.abs(x) @ np.abs(x)
    for has_run in (True, False):
        product = tf.function(lambda matrix: matrix @ matrix)
        if has_run:
            product(x)
        with graph_precision(AUTO_BFLOAT16):
            rounded = product(x)
            assert rounded.dtype == tf.float32
            np.testing.assert_allclose(tf.constant(x) @ x, expected, atol=1e-4)  # Eager.
        error = np.abs(rounded - expected)
        assert error.max() > 1e-3
        assert (error < 3 * ROUNDING * scale).all()
        np.testing.assert_allclose(product(x), expected, atol=1e-4)


def test_blocks_nest_and_end_with_an_error():
    product = tf.function(lambda matrix: matrix @ matrix)
    x = tf.constant(np.random.default_rng(0).normal(size=(64, 64)), "float32")
    exact = product(x).numpy()
    with graph_precision(AUTO_BFLOAT16):
        rounded = product(x).numpy()
        with pytest.raises(KeyError), graph_precision(AUTO_BFLOAT16):
            raise KeyError
        np.testing.assert_array_equal(product(x), rounded)
    assert (exact != rounded).any()
    np.testing.assert_array_equal(product(x), exact)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A configuration without noise, its family, and a function of a worker to batches."""
    config = pix2pix(tmp_path_factory.mktemp("pairs"), dropout_levels=0)
    family = get_family(config.family)
    examples = family.feed.examples(config, "train", silent)
    config = family.feed.completed(config, examples)
    phase = family.phases(config)[0]
    return config, family, lambda worker: family.feed.training(config, examples, phase, worker, 0)


def moved(prepared, precision, *, strategy=ONE, micro_batches=1, by_fit=False):
    """Returns how far two steps of plain descent move each network and its average, flat."""
    config, family, batches = prepared
    with strategy.scope():
        model = family.model(precise(config, precision))
        rates = {player: keras.optimizers.legacy.SGD(1e-4) for player in model.players}
        model.compile(rates, micro_batches=micro_batches, ema_decay=0.5)
        for network in (*model.players.values(), *model.averaged.values()):
            fixed_weights(network)
    networks = [*model.players.values(), *model.averaged.values()]
    before = [[weight.numpy() for weight in network.weights] for network in networks]
    if by_fit:
        with graph_precision(precision):
            model.fit(batches(Worker()).take(2), verbose=0)
    else:
        step = loop.training_step(model, strategy, precision)
        for _, batch in zip(range(2), loop.distributed_batches(strategy, batches)):
            step(batch)
    return [
        np.concatenate([(w - old).numpy().ravel() for w, old in zip(network.weights, olds)])
        for network, olds in zip(networks, before)
    ]


def distances(moves, others):
    """Returns, for each network, the difference of two moves over the length of the other."""
    return [np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in zip(moves, others)]


@pytest.mark.slow
def test_steps_are_rounded_and_the_same_by_fit(prepared):
    exact = moved(prepared, "float32")
    rounded = moved(prepared, AUTO_BFLOAT16)
    assert len(exact) == 3  # Both players, and the generator's average.
    assert all(1e-4 < distance < 0.1 for distance in distances(rounded, exact))
    for one, two in zip(moved(prepared, AUTO_BFLOAT16, by_fit=True), rounded):
        np.testing.assert_array_equal(one, two)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["two replicas", "two micro-batches"])
def test_replicas_and_micro_batches_are_rounded_too(prepared, mirrored, way):
    options = {"strategy": mirrored} if way == "two replicas" else {"micro_batches": 2}
    exact = moved(prepared, "float32", **options)
    rounded = moved(prepared, AUTO_BFLOAT16, **options)
    assert all(1e-4 < distance < 0.1 for distance in distances(rounded, exact))


@pytest.fixture(scope="module")
def run(prepared, tmp_path_factory):
    """The folder of a run of six steps in bfloat16, of averaged weights."""
    folder = tmp_path_factory.mktemp("runs") / "rounded"
    loop.train(precise(prepared[0], AUTO_BFLOAT16), folder)
    return folder


@pytest.mark.slow
def test_a_resumed_run_ends_as_one_that_was_not_stopped(prepared, run, tmp_path):
    config = precise(prepared[0], AUTO_BFLOAT16)
    for until in (3, None):
        loop.train(config, tmp_path / "resumed", until=until)
    loop.train(precise(config, "float32"), tmp_path / "exact")
    whole, resumed, exact = (
        saved_values(newest_checkpoint(folder))
        for folder in (run, tmp_path / "resumed", tmp_path / "exact")
    )
    assert set(whole) == set(resumed)
    # A session that ends validates once more, which counts for patience.
    names = [name for name in whole if not name.startswith(("best/", "stale/"))]
    for name in names:
        np.testing.assert_array_equal(resumed[name], whole[name], err_msg=name)
    assert any((exact[name] != whole[name]).any() for name in names)


@pytest.mark.slow
def test_another_run_starts_from_it(prepared, run, tmp_path, capsys):
    config = precise(prepared[0], AUTO_BFLOAT16, start_from=str(run), steps=1)
    loop.train(config, tmp_path / "tuned")
    assert "layers were taken." in capsys.readouterr().out


@pytest.fixture
def photo(tmp_path):
    """`(path, pixels)` of a file."""
    encoded, pixels = picture(size=(32, 32))
    (tmp_path / "photo.png").write_bytes(encoded)
    return tmp_path / "photo.png", pixels


def read(encoded):
    return np.asarray(Image.open(encoded)).astype(int)


def test_a_run_translates_in_float32_unless_it_is_told_otherwise(run, photo, capsys):
    """Its own translation agrees with the eager network, which nothing rewrites."""
    path, pixels = photo
    opened = load_run(run)
    direction = opened.directions["translate"]
    source = direction.task.source(pixels)[np.newaxis]
    eager = direction.network(source, training=False)
    exact = direction.task.picture(source, eager)[0].numpy().astype(int)
    assert np.abs(opened.translate(pixels) - exact).max() <= 1
    made = {}
    for precision, ending in (("float32", ""), (AUTO_BFLOAT16, " Precision: auto_bfloat16.")):
        to = path.parent / precision
        arguments = ("--run", str(run), "--to", str(to), "--precision", precision)
        translate.main([str(path), *arguments])
        report = f"{to}: 1 translation made, 0 were there already.{ending}\n"
        assert capsys.readouterr().out == report
        made[precision] = read(to / "photo.png")
    np.testing.assert_array_equal(made["float32"], opened.translate(pixels))
    assert 0 < np.abs(made[AUTO_BFLOAT16] - made["float32"]).max() < 16


def test_an_evaluation_says_what_it_was_computed_in(run, tmp_path):
    results = {}
    for precision in ("float32", AUTO_BFLOAT16):
        arguments = ["--run", str(run), "--to", str(tmp_path / precision)]
        evaluate.main([*arguments, "--precision", precision])
        results[precision] = json.loads((tmp_path / precision / "metrics.json").read_text())
        assert results[precision]["precision"] == precision
    exact, rounded = (results[p]["runs"][0]["mean"]["l1"] for p in results)
    assert 0 < abs(rounded - exact) < 0.01


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """The folder `tiny`, in which is an export, wide enough for a difference of pixels."""
    folder = tmp_path_factory.mktemp("exports") / "tiny"
    generator = fixed_weights(unet_generator((None, None, 3), depth=3, base_filters=8))
    export.export(generator, folder)
    return folder


@pytest.mark.slow
def test_the_server_and_the_program_compute_alike(exports, photo):
    path, _ = photo
    flags = {"float32": (), AUTO_BFLOAT16: ("--mixed_precision", "bfloat16")}
    served = {}
    for precision in flags:
        to = path.parent / precision
        arguments = ("--export", str(exports), "--to", str(to), "--precision", precision)
        translate_by_export.main([str(path), *arguments])
        with local_server(exports, *QUIET, *flags[precision]) as server:
            with Client(server.address, "tiny") as client:
                served[precision] = read(io.BytesIO(client.translate(path.read_bytes())))
            noted = server.process.stdout.readline() if flags[precision] else ""
        assert noted == ("Computing in bfloat16\n" if flags[precision] else "")
        np.testing.assert_array_equal(served[precision], read(to / "photo.png"))
    assert 0 < np.abs(served["float32"] - served[AUTO_BFLOAT16]).max() < 16
