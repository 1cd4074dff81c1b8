"""What must hold of a family in the programs of training, beside `tfpix2pix.testing`."""

import numpy as np

from tfpix2pix.data import codecs
from tfpix2pix.data.images import displayed
from tfpix2pix.inference import translate_in
from tfpix2pix.testing import Check
from training.evaluate import evaluate
from training.rating import real_or_fake, stimuli


def _evaluated(case):
    """All held-out images of every direction are judged, by what the direction has."""
    run = case.run
    examples = run.examples("held_out")
    for name, direction in run.directions.items():
        to = case.folder / "evaluations" / name
        result = evaluate(run.folder, to, direction=name)
        assert result["count"] == len(direction.sources(examples)) > 0
        (judged,) = result["runs"]
        needed = {"l1", "psnr"} if direction.paired else {"domain_color", "domain_sharpness"}
        needed |= {"cycle_l1"} if direction.reverse else set()
        assert needed <= set(judged["mean"])
        assert all(np.isfinite(value) for value in judged["mean"].values())
        task = direction.task
        for index, batch in enumerate(run.held_out(examples).take(result["count"])):
            output = codecs.read(to / f"pictures/output/{index:05d}.png")
            source, _, controls, _ = direction.example(batch)
            made = task.picture(source, translate_in(direction, source, controls))
            expected = displayed(made, task.target_format.value_range)[0]
            assert np.abs(output.astype(int) - expected).max() <= 1


def _rated(case):
    """A real-or-fake test of every direction shows real images and the run's translations."""
    run = case.run
    examples = run.examples("held_out")
    for name, direction in run.directions.items():
        to = case.folder / "answers" / name
        stimuli.prepare(run.folder, to, practice=0, trials=2, direction=name)
        protocol = real_or_fake.load(to)
        count = len(protocol.names)
        real_names = direction.sources if direction.paired else direction.references
        assert (protocol.real_names or protocol.names) == real_names(examples)[:count]
        for kind in ("real", "fake"):
            paths = [real_or_fake.image_path(to, kind, index) for index in range(count)]
            assert len({codecs.read(path).tobytes() for path in paths}) == count >= 2


CHECKS = {
    "every_direction_is_evaluated": Check(_evaluated),
    "every_direction_is_rated": Check(_rated),
}
