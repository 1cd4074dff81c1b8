"""What must hold for every case of a kind."""

import base64
import dataclasses

import numpy as np
import tensorflow as tf
from PIL import Image
from tensorflow import keras

from tests.cases import fixed_weights, sgd, smooth_images
from tfpix2pix import load_run, read_card, runs
from tfpix2pix.checkpointing import newest_checkpoint
from tfpix2pix.data import codecs
from tfpix2pix.data.parallel import silent
from tfpix2pix.export import export, model_card, run_details, source_details
from tfpix2pix.families import Place, get_family
from tfpix2pix.models.non_finite import describe_non_finite
from tfpix2pix.runs import load_config
from tfpix2pix.translation import export_translator
from training.engine import loop
from training.evaluate import evaluate
from training.rating import real_or_fake, stimuli


def check_network(case, folder):
    """Shape, any batch size, stable names, every variable trains, same pixels after saving."""
    model = fixed_weights(case.build())
    batch = [smooth_images(shape, seed) for seed, shape in enumerate(case.inputs)]
    output = call(model, batch)
    assert output.shape == case.output
    assert np.isfinite(output).all()
    assert call(model, [x[:1] for x in batch]).shape == (1, *case.output[1:])
    assert [layer.name for layer in case.build().layers] == [layer.name for layer in model.layers]
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(call(model, batch, training=True) - 0.5))
    gradients = tape.gradient(loss, model.trainable_variables)
    assert [v.name for v, g in zip(model.weights, gradients) if g is None] == []
    assert all(np.abs(g).max() > 0 for g in gradients)
    model.save(folder / "model.keras")
    revived = keras.models.load_model(folder / "model.keras")
    np.testing.assert_array_equal(call(revived, batch), output)


def check_layer(case):
    """Shape and dtype in every precision, and the same output from the config alone."""
    layer = case.build()
    batch = smooth_images(case.inputs[0])
    output = layer(batch, training=False) if _has_mode(layer) else layer(batch)
    assert output.shape == case.output
    revived = type(layer).from_config(layer.get_config())
    revived.build(batch.shape)
    revived.set_weights(layer.get_weights())
    np.testing.assert_array_equal(revived(batch), output)
    half_layer = type(layer).from_config({**layer.get_config(), "dtype": "mixed_float16"})
    half_layer.build(batch.shape)
    half_layer.set_weights(layer.get_weights())
    half = half_layer(batch)
    assert half.dtype == tf.float16
    np.testing.assert_allclose(tf.cast(half, tf.float32), output, atol=2e-2)


def check_loss(case):
    """One float32 per example, finite for huge half-precision logits, independent per example."""
    loss = case.build()
    batch = [smooth_images(shape, seed) for seed, shape in enumerate(case.inputs)]
    result = loss(*batch)
    assert (result.shape, result.dtype) == (case.output, tf.float32)
    half = loss(*(tf.cast(1e4 * x, tf.float16) for x in batch))
    assert half.dtype == tf.float32
    assert np.isfinite(half).all()
    np.testing.assert_allclose(loss(*(x[1:] for x in batch)), result[1:], rtol=1e-6)


def check_metric(case):
    """One finite value per example or over all of them, however they are batched."""
    metric = case.build()
    batch = [smooth_images(shape, seed) for seed, shape in enumerate(case.inputs)]
    result = metric(*batch)
    assert (result.shape, result.dtype) == (case.output, tf.float32)
    assert np.isfinite(result).all()
    parts = [[x[:1] for x in batch], [x[1:] for x in batch]]
    if not isinstance(metric, keras.metrics.Metric):
        apart = tf.concat([metric(*part) for part in parts], axis=0)
        np.testing.assert_allclose(apart, result, rtol=1e-5)
        return
    metric.reset_state()
    for part in parts:
        metric.update_state(*part)
    np.testing.assert_allclose(metric.result(), result, rtol=1e-5)
    if not hasattr(metric, "feature_model"):  # Any function, which no configuration holds.
        rebuilt = type(metric).from_config(metric.get_config())
        assert rebuilt.name == metric.name
        np.testing.assert_allclose(rebuilt(*batch), result, rtol=1e-5)


def check_model(case):
    """Every variable moves in one step under `fit`; the logs are finite; `translate` translates."""
    model = case.build()
    before = [variable.numpy() for variable in model.trainable_variables]
    batch = tuple(smooth_images(shape, seed) for seed, shape in enumerate(case.inputs))
    history = model.fit(tf.data.Dataset.from_tensors(batch), verbose=0).history
    assert all(np.isfinite(value) for values in history.values() for value in values)
    unmoved = [
        v.name for v, old in zip(model.trainable_variables, before) if (v == old).numpy().all()
    ]
    assert unmoved == []
    assert model.translate(batch[0]).shape == case.output


def call(model, batch, training=False):
    """Calls a model with one input or several."""
    return model(batch if len(batch) > 1 else batch[0], training=training)


def _has_mode(layer):
    return "training" in layer._call_spec.arg_names


def check_family(config, folder):
    """Trains, ends amid a phase, goes on as if it had not, validates, exports and translates."""
    strategy = tf.distribute.get_strategy()
    model, _ = loop.train(config, folder / "whole", strategy)
    parts = []
    for until in (2, 4, None):  # Amid the first phase of two, and amid the second.
        _, step = loop.train(config, folder / "run", strategy, until=until)
        parts.append(step)
        _check_opened(folder / "run", step)
    assert parts == [2, 4, config.train.steps]
    assert_same_values(folder / "run", folder / "whole")

    run = load_run(folder / "run", averaged=True)
    metrics = set(model.validation_metrics)
    assert set(run.validation) == metrics
    assert all(np.isfinite(value) for value in run.validation.values())
    with Image.open(folder / f"run/samples/{run.step:06d}.png") as picture:
        assert np.asarray(picture).std() > 10

    version, difference = export(run.directions, folder / "exports/model", size=(32, 32))
    assert difference < 1e-4
    card = read_card(version)
    assert [direction["name"] for direction in card["directions"]] == list(run.directions)
    for name, direction in run.directions.items():
        _check_direction(run, name, direction, version)


def _check_opened(folder, step):
    """A run is opened in the phase of its checkpoint, with all weights that this has."""
    config = load_config(folder)
    ends = np.cumsum([phase.steps for phase in get_family(config.family).phases(config)])
    saved = saved_values(newest_checkpoint(folder))
    for prefix, averaged in (("", False), ("averaged_", True)):
        run = load_run(folder, averaged=averaged)
        assert (run.step, run.phases.index(run.phase)) == (step, np.sum(ends < step))
        for player in run.model.translators if averaged else run.model.players:
            for layer in run.model.players[player].layers:
                start = f"{prefix}{player}/{layer.name}/"
                values = [v.tobytes() for name, v in saved.items() if name.startswith(start)]
                assert all(weight.tobytes() in values for weight in layer.get_weights()), start
    for name, direction in run.directions.items():
        shape = (9, 7, direction.task.source_format.channels)
        assert run.translate(np.zeros(shape, "uint8"), name).shape[:2] == (9, 7)


def _check_direction(run, name, direction, version):
    """Equal pixels from the run and the export at any size; every control changes something."""
    shape = (37, 30, direction.task.source_format.channels)
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype("uint8")
    translated = run.translate(pixels, name)
    assert translated.shape == (37, 30, direction.task.target_format.channels)
    (served,) = export_translator(version.parent, direction=name).translate(pixels)
    assert np.abs(served.astype(int) - translated).max() <= 1
    values = {}
    for control in direction.controls:
        if control.name == "seed":
            changed = run.translate(pixels, name, samples=1, seed=3)[0]
        else:
            sides = [side or whole for side, whole in zip(control.spec.shape, pixels.shape)]
            value = np.full(sides, 0.9, control.spec.dtype.as_numpy_dtype)
            values[control.name] = value
            changed = run.translate(pixels, name, **{control.name: value})
        assert (changed != translated).any(), control.name
    together = export_translator(version.parent, direction=name, controls=values)
    (served,) = together.translate(pixels)
    assert np.abs(served.astype(int) - run.translate(pixels, name, **values)).max() <= 1


def check_renewal(config, folder):
    """A phase starts optimizers anew, once; schedules go on; a stop at its border changes nothing.

    The last phase is one that renews, and the rate falls.
    """
    train = dataclasses.replace(config.train, schedule="linear", decay_from=0)
    config = dataclasses.replace(config, train=train)
    strategy = tf.distribute.get_strategy()
    model, steps = loop.train(config, folder / "whole", strategy)
    family = get_family(config.family)
    phase = family.phases(runs.load_config(folder / "whole"))[-1]
    border = steps - phase.steps
    assert set(phase.renewed) <= set(model.players)
    (kept, *_) = set(model.players) - set(phase.renewed)
    rate = model.optimizers[kept].learning_rate(model.optimizers[kept].iterations)
    assert 0 < rate < train.learning_rate / 3
    for player in phase.renewed:
        optimizer = model.optimizers[player]
        assert int(optimizer.iterations) == phase.steps
        assert int(model.updates_taken(player)) == steps
        np.testing.assert_allclose(optimizer.learning_rate(optimizer.iterations), rate)
    for until in (border, border + 1, None):
        loop.train(config, folder / "stopped", strategy, until=until)
    assert_same_values(folder / "stopped", folder / "whole")


def check_passes(config):
    """A NaN planted in any player is found there, by the passes of a step."""
    family = get_family(config.family)
    examples = family.feed.examples(config, "train", silent)
    config = family.feed.completed(config, examples)
    phase = family.phases(config)[0]
    batch = next(iter(family.feed.training(config, examples, phase, Place(), 0)))
    model = family.model(config)
    for player, network in model.players.items():
        kernel = network.trainable_variables[0]
        healthy = kernel.numpy()
        kernel.assign(tf.fill(kernel.shape, np.nan))
        found = describe_non_finite({"loss": np.nan}, 7, model, batch)
        layer = kernel.name.split("/")[0]
        assert found == f"loss at step 7; first in the weights of {layer} of the {player}"
        kernel.assign(healthy)


def check_card(folder):
    """The card of a run tells its options, what it measured, and examples of every direction."""
    run = load_run(folder)
    card = model_card(
        run.directions, "model", size=(32, 32), **run_details(run), **source_details(run)
    )
    assert card["step"] == run.step
    assert card["config"]["family"] == run.config.family
    for name, described in zip(run.directions, card["directions"]):
        assert described["name"] == name
        shown = [codecs.decode(base64.b64decode(one)).pixels for one in described["examples"]]
        task = run.directions[name].task
        assert len(shown) > 0
        assert {one.shape[2] for one in shown} <= {3, task.source_format.channels}


def check_evaluation(folder, to):
    """Every direction of a run is judged on all its held-out images, and finds what it makes."""
    run = load_run(folder)
    examples = run.examples("held_out")
    for name, direction in run.directions.items():
        result = evaluate(folder, to / name, direction=name)
        assert result["count"] == len(direction.sources(examples)) > 0
        (judged,) = result["runs"]
        needed = {"l1", "psnr"} if direction.paired else {"domain_color", "domain_sharpness"}
        needed |= {"cycle_l1"} if direction.reverse else set()
        assert needed <= set(judged["mean"])
        assert all(np.isfinite(value) for value in judged["mean"].values())
        for index in range(result["count"]):
            source, output = (
                codecs.read(to / name / f"pictures/{place}/{index:05d}.png")
                for place in ("input", "output")
            )
            assert np.abs(output.astype(int) - run.translate(source, name)).max() <= 1


def check_rating(folder, to):
    """A real-or-fake test of every direction of a run shows real images and its translations."""
    run = load_run(folder)
    examples = run.examples("held_out")
    for name, direction in run.directions.items():
        stimuli.prepare(folder, to / name, practice=0, trials=2, direction=name)
        protocol = real_or_fake.load(to / name)
        real_names = direction.sources if direction.paired else direction.references
        assert (protocol.real_names or protocol.names) == real_names(examples)[
            : len(protocol.names)
        ]
        for kind in ("real", "fake"):
            shown = [
                codecs.read(real_or_fake.image_path(to / name, kind, index))
                for index in range(len(protocol.names))
            ]
            assert len({image.tobytes() for image in shown}) == len(shown) >= 2


def check_family_steps(config, mirrored):
    """`fit`, the loop and two replicas end alike, and every variable has moved."""
    family = get_family(config.family)
    examples = family.feed.examples(config, "train", silent)
    config = family.feed.completed(config, examples)
    phase = family.phases(config)[-1]  # Of a network that grows, it has all layers.

    def batches(place):
        return family.feed.training(config, examples, phase, place, 0)

    def trained(strategy):
        with strategy.scope():
            model = _descending(family, config, phase)
        before = [variable.numpy() for variable in _trainable(model)]
        step = loop.training_step(model, strategy)
        for _, batch in zip(range(2), loop.distributed_batches(strategy, batches)):
            step(batch)
        return model, before

    model, before = trained(tf.distribute.get_strategy())
    still = [
        variable.name
        for variable, old in zip(_trainable(model), before)
        if (variable == old).numpy().all()
    ]
    assert still == []
    replicated, _ = trained(mirrored)
    for one, two in zip(_networks(model), _networks(replicated)):
        np.testing.assert_allclose(one, two, atol=1e-5, err_msg=one.name)

    fitted = _descending(family, config, phase)
    fitted.fit(batches(Place()).take(2), verbose=0)
    for one, two in zip(_networks(model), _networks(fitted)):
        np.testing.assert_allclose(one, two, atol=1e-6, err_msg=one.name)


def _descending(family, config, phase):
    """Returns the model with plain gradient descent: Adam makes much of the least difference.

    So do large steps: after two of 0.1 CycleGAN's weights differ by 0.02 if they did by 1e-7.
    """
    model = family.model(config)
    model.compile(renewable=dict.fromkeys(model.players, lambda _: sgd(0.01)), ema_decay=0.5)
    model.enter(phase, 0.5)
    return model


def _trainable(model):
    return [v for network in model.players.values() for v in network.trainable_variables]


def _networks(model):
    """Returns the weights of all players and averages."""
    networks = [*model.players.values(), *model.averaged.values()]
    return [weight for network in networks for weight in network.weights]


def assert_same_values(resumed, whole):
    """Two runs have the same checkpoint, to the bit."""
    resumed, whole = (saved_values(newest_checkpoint(run)) for run in (resumed, whole))
    assert set(resumed) == set(whole)
    # A session that ends validates once more, which counts for patience.
    for name in (name for name in whole if not name.startswith(("best/", "stale/"))):
        np.testing.assert_array_equal(resumed[name], whole[name], err_msg=name)


def saved_values(checkpoint):
    """Returns all that a checkpoint holds by its name."""
    reader = tf.train.load_checkpoint(str(checkpoint))
    names = [name for name in reader.get_variable_to_shape_map() if "OBJECT_GRAPH" not in name]
    return {name: reader.get_tensor(name) for name in names if "save_counter" not in name}
