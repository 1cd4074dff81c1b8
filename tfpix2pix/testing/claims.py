"""What must hold of a family: a check for each claim, by what the family says that it can do."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfpix2pix.checkpointing import newest_checkpoint, saved_values
from tfpix2pix.config import ExperimentConfig
from tfpix2pix.errors import InputError
from tfpix2pix.export import model_card, read_card, run_details, source_details
from tfpix2pix.families import get_family, presets
from tfpix2pix.inference import SEED, embeddings_sha256
from tfpix2pix.models.non_finite import describe_non_finite
from tfpix2pix.testing.case import SIDES, Case
from tfpix2pix.translation import export_translator


class Check(NamedTuple):
    """How a claim is checked, and of whom.

    Attributes:
        run: Function of a `Case`, which raises `AssertionError` if the claim does not hold.
        applies: Function of a family and its phases to whether it says that it can do this.
        needs: Which arguments of the case must be given: `"loop"`, `"replicas"`.

    Example:
        >>> CHECKS["two_replicas_train_as_one"].needs
        ('loop', 'replicas')
    """

    run: Callable
    applies: Callable = lambda family, phases: True
    needs: tuple[str, ...] = ()


def _require(holds, rule, received):
    if not holds:
        raise AssertionError(f"{rule} Received: {received}.")


def _presets(case):
    family = case.config.family
    named = [config for config in presets().values() if config.family == family]
    _require(named, "A family must have an experiment.", f"none of {family!r}")
    for config in named:
        _require(
            isinstance(config.model, case.family.options),
            "The options of an experiment must be the family's.",
            f"{type(config.model).__name__} of {config.name!r}",
        )


def _columns(case):
    columns = case.run.model.columns(case.held_out)
    for title, column in columns.items():
        deviation = float(np.std(column.images))
        _require(deviation > 0, "A column of the picture must show something.", f"{title!r}, even")


def _validation(case):
    model = case.run.model
    measured = model.validate(case.held_out)
    names = list(model.validation_metrics)
    _require(list(measured) == names, f"`validate` must measure {names}.", list(measured))
    for name, values in measured.items():
        shape = tuple(values.shape)
        _require(shape == (1,), "`validate` must measure each example.", f"{name} of shape {shape}")
        _require(np.isfinite(values).all(), "Measures must be finite.", f"{name}: {values}")


def _non_finite(case):
    model = case.run.model
    batch = next(iter(case.batches()))
    for player, network in model.players.items():
        kernel = network.trainable_variables[0]
        healthy = kernel.numpy()
        kernel.assign(tf.fill(kernel.shape, np.nan))
        found = describe_non_finite({"loss": np.nan}, 7, model, batch)
        kernel.assign(healthy)
        place = f"in the weights of {kernel.name.split('/')[0]} of the {player}"
        expected = f"loss at step 7; first {place}"
        _require(found == expected, f"`passes` must lead to a NaN {place}.", found)


def _any_size(case):
    for name, direction in case.run.directions.items():
        channels = direction.task.target_format.channels
        for pixels in (case.pixels(direction), case.pixels(direction)[:9, :7]):
            shape = case.run.translate(pixels, name).shape
            expected = (*pixels.shape[:2], channels)
            _require(shape == expected, f"{name} must translate to {expected}.", shape)


def _values(direction):
    """Returns a value of each control but the seed, for images of noise."""
    values = {}
    for control in direction.inputs:
        sides = [side or whole for side, whole in zip(control.spec.shape, (*SIDES, 1))]
        values[control.name] = np.full(sides, 0.9, control.spec.dtype.as_numpy_dtype)
        if control.spec.dtype.is_integer:
            values[control.name] += 1
    return values


def _controls(case):
    for name, direction in case.run.directions.items():
        pixels = case.pixels(direction)
        plain = case.run.translate(pixels, name)
        asked = [{control: value} for control, value in _values(direction).items()]
        asked += [{SEED.name: 3}] if direction.has_seed else []
        for one in asked:
            options = {"samples": 1, "seed": 3} if SEED.name in one else one
            changed = np.squeeze(np.asarray(case.run.translate(pixels, name, **options)))
            differs = (changed != np.squeeze(plain)).any()
            _require(differs, "A control must change something.", f"{next(iter(one))} of {name}")


def _export(case):
    version, difference = case.exported
    _require(difference < 1e-4, "An export must equal the networks within 1e-4.", difference)
    named = [entry["name"] for entry in read_card(version)["directions"]]
    _require(named == list(case.run.directions), "A card must list all directions.", named)
    for name, direction in case.run.directions.items():
        pixels = case.pixels(direction)
        for values in ({}, _values(direction)):
            translator = export_translator(version.parent, direction=name, controls=values)
            (served,) = translator.translate(pixels)
            levels = np.abs(served.astype(int) - case.run.translate(pixels, name, **values)).max()
            rule = "An export must translate files as the run, within a level."
            _require(levels <= 1, rule, f"{levels} in {name} with {list(values)}")


def _card(case):
    run = case.run
    details = {**run_details(run), **source_details(run)}
    card = model_card(run.directions, "model", embeddings=run.embeddings, **details)
    told = card["config"]["family"], card["step"]
    expected = run.config.family, run.step
    _require(told == expected, f"A card must tell {expected}.", told)
    for entry in card["directions"]:
        _require(entry["examples"], "A card must show examples.", f"none of {entry['name']}")


def _embeddings(case):
    run = case.run
    version, _ = case.exported
    served = tf.saved_model.load(str(version)).signatures
    card = read_card(version)
    told = card["embeddings_sha256"]
    rule = "A card must tell the hash of the run's embeddings."
    _require(told == embeddings_sha256(run.embeddings), rule, told)
    for entry in card["embeddings"]:
        embedding = run.embeddings[entry["name"]]
        images = [case.pixels(embedding, seed) for seed in (0, 1)]
        vectors = run.embed(images, entry["name"])
        shape = (2, embedding.length)
        _require(vectors.shape == shape, f"Vectors must be {shape}.", vectors.shape)
        _require(np.isfinite(vectors).all(), "Vectors must be finite.", entry["name"])
        differ = np.abs(vectors[0] - vectors[1]).max() > 0
        _require(differ, "Vectors of two images must differ.", entry["name"])
        alone = run.embed(images[1:], entry["name"])
        np.testing.assert_allclose(alone, vectors[1:], rtol=1e-4, atol=1e-5)
        source = tf.stack([embedding.task.source(image) for image in images])
        answer = served[entry["signatures"]["float"]](image=source)["embedding"]
        np.testing.assert_allclose(answer, vectors, rtol=1e-4, atol=1e-5)


def _finished(case):
    case.run.directions  # noqa: B018, they restore what was filled.
    models = case.run.model, case.run.restored().model
    filled, saved = (tf.nest.flatten(dict(model.state)) for model in models)
    changed = any((new.numpy() != old.numpy()).any() for new, old in zip(filled, saved))
    rule = "`finish` must fill state that the checkpoint of a training has not."
    _require(changed, rule, "the state of the checkpoint")


def _importer(case):
    files = case.family.importer.files
    players = {file.player for file in files.values() if file.fill is None}
    unknown = sorted(players - set(case.run.model.players), key=str)
    _require(not unknown, "An importer must fill players of the model.", unknown)


def _resumed(case):
    case.whole  # noqa: B018, it trains.
    case.stopped  # noqa: B018
    whole, stopped = (
        saved_values(newest_checkpoint(case.folder / name)) for name in ("whole", "stopped")
    )
    _require(set(whole) == set(stopped), "A resumed run must save the same.", sorted(stopped))
    # A session that ends validates once more, which counts for patience.
    names = [name for name in whole if not name.startswith(("best/", "stale/"))]
    unequal = [name for name in names if not np.array_equal(whole[name], stopped[name])]
    _require(not unequal, "A resumed run must be the same to the bit.", unequal[:3])


def _opened(case):
    for stop, step, wrong in case.stopped:
        _require(step == stop, f"The run must end at step {stop}.", step)
        rule = "A run must open with the weights of its checkpoint, in its phase."
        _require(not wrong, rule, f"{wrong} layers with others after step {stop}")


def _validated(case):
    case.whole  # noqa: B018, it trains.
    folder = case.folder / "whole"
    pictures = list((folder / "samples").glob("*.png"))
    _require(pictures, "A training must show samples.", "none")
    lines = (folder / "metrics.jsonl").read_text("utf-8")
    _require("NaN" not in lines and "Infinity" not in lines, "Losses must be finite.", "a NaN")


def _renewed(case):
    model = case.whole
    phases = case.family.phases(case.trained)
    steps = sum(phase.steps for phase in phases)
    last = phases[-1]
    for player in last.renewed:
        optimizer = model.optimizers[player]
        taken = int(optimizer.iterations), int(model.updates_taken(player))
        rule = f"The optimizer of {player} must start anew in the phase {last.name!r}."
        _require(taken == (last.steps, steps), rule, f"{taken[0]} updates of {taken[1]}")
    rates = {p: float(o.learning_rate(o.iterations)) for p, o in model.optimizers.items()}
    first = tf.constant(0, "int64")
    highest = max(float(o.learning_rate(first)) for o in model.optimizers.values())
    for player, rate in rates.items():
        rule = f"The rate of {player} must go on to fall where its optimizer starts anew."
        _require(0 < rate <= highest / 3, rule, rate)


def _moved(case):
    _, still = case.alone
    _require(not still, "Every variable must move in two steps.", f"{still} as they were")


def _fitted(case):
    model, _ = case.alone
    fitted = case.descending()
    fitted.fit(case.batches().take(2), verbose=0)
    _compare(model, fitted, 1e-6)


def _replicated(case):
    model, _ = case.alone
    _compare(model, case.descended(case.replicas)[0], 1e-5)


def _compiled(case):
    model, _ = case.alone
    other, _ = case.descended(tf.distribute.get_strategy(), jit=True)
    # Weights differ by more: a norm of flat maps makes much of rounding errors.
    for (name, loss), same in zip(model.trackers.items(), other.trackers.values()):
        np.testing.assert_allclose(same.result(), loss.result(), 1e-4, 1e-6, err_msg=name)


def _compare(model, other, tolerance):
    networks = zip(
        [*model.players.values(), *model.averaged.values()],
        [*other.players.values(), *other.averaged.values()],
    )
    for one, two in networks:
        for weight, same in zip(one.weights, two.weights):
            np.testing.assert_allclose(weight, same, atol=tolerance, err_msg=weight.name)


LOOP = ("loop",)
CHECKS = {
    "presets_have_the_options_of_the_family": Check(_presets),
    "the_picture_shows_something_in_each_column": Check(_columns),
    "validation_measures_each_example": Check(_validation),
    "a_nan_is_found_where_it_arose": Check(_non_finite),
    "every_direction_translates_images_of_any_size": Check(_any_size),
    "every_control_changes_something": Check(_controls),
    "an_export_equals_the_networks_and_takes_all_controls": Check(_export),
    "the_card_tells_options_and_examples": Check(_card),
    "embeddings_are_exported_and_depend_on_one_image": Check(
        _embeddings, lambda family, phases: family.embeddings is not None
    ),
    "state_for_translation_is_filled": Check(
        _finished, lambda family, phases: family.finish is not None
    ),
    "the_importer_fills_players_of_the_model": Check(
        _importer, lambda family, phases: family.importer is not None
    ),
    "a_training_shows_samples_and_stays_finite": Check(_validated, needs=LOOP),
    "optimizers_start_anew_where_a_phase_says_so": Check(
        _renewed, lambda family, phases: bool(phases[-1].renewed), LOOP
    ),
    "a_run_opens_in_any_phase": Check(_opened, needs=LOOP),
    "a_stopped_training_ends_as_a_whole_one": Check(_resumed, needs=LOOP),
    "every_variable_moves": Check(_moved, needs=LOOP),
    "fit_trains_as_the_loop": Check(_fitted, needs=LOOP),
    "a_compiled_step_is_the_same": Check(_compiled, needs=LOOP),
    "two_replicas_train_as_one": Check(_replicated, needs=(*LOOP, "replicas")),
}


def checks(config: ExperimentConfig, given: Sequence[str] = ("loop", "replicas")) -> list[str]:
    """Returns the names of the checks that a family must pass, by what it says that it can do.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`; it needs no data.
        given: What the case will be given of what checks need.

    Returns:
        List of keys of `CHECKS`.

    Example:
        >>> from tfpix2pix.families import preset
        >>> "embeddings_are_exported_and_depend_on_one_image" in checks(preset("quickstart"))
        False
    """
    family = get_family(config.family)
    phases = family.phases(config)
    return [
        name
        for name, one in CHECKS.items()
        if one.applies(family, phases) and set(one.needs) <= set(given)
    ]


def check(case: Case, name: str) -> None:
    """Checks a claim.

    Args:
        case: `Case`.
        name: One of `checks(case.config)`.

    Raises:
        AssertionError: If the claim does not hold.
        ValueError: If the case has not been given what the check needs, or there is no such check.

    Example:
        >>> from tfpix2pix.families import preset
        >>> case = Case(preset("quickstart"), "checks")
        >>> check(case, "presets_have_the_options_of_the_family")
    """
    if name not in CHECKS:
        raise InputError(
            f"A check must be one of {', '.join(CHECKS)}. Received: {name!r}. Correct the name."
        )
    missing = [need for need in CHECKS[name].needs if getattr(case, need) is None]
    if missing:
        raise InputError(
            f"The check {name} needs a case with {' and '.join(CHECKS[name].needs)}. Received: one "
            f"without {' and '.join(missing)}. Give them to `Case`."
        )
    CHECKS[name].run(case)
