"""Goes away: the old names, until all callers use `families` and `runs`."""

from tfpix2pix import runs
from tfpix2pix.data import pipeline
from tfpix2pix.families import Place, pairs
from tfpix2pix.families.pix2pix import model as compiled_model
from tfpix2pix.runs import BEST, CHECKPOINTS, checkpoint

completed, geometry, task = pairs.completed, pairs.geometry, pairs.task


def examples(config, split, *, progress=pairs.silent):
    return pairs.examples(config, split, progress)


def generator(config):
    return runs.float32_model(config).players["generator"]


def restored_generator(run, *, best=False, averaged=False):
    return runs.Run(run, best=best, averaged=averaged).direction()[1].network


def restored_networks(run):
    model = runs.float32_model(runs.load_config(run))
    runs.restore(model.players, runs.newest_checkpoint(run))
    return model.players


def training_batches(config, examples, *, replicas=1, first_step=0, worker=0, workers=1):
    from tfpix2pix.families.family import whole

    place = Place(replicas, worker, workers)
    return pairs.training(config, examples, whole(config)[0], place, first_step)


def evaluation_batches(config, examples, *, batch_size=1):
    return pipeline.evaluation_batches(
        examples, geometry(config), task=task(config), batch_size=batch_size
    )


__all__ = ["BEST", "CHECKPOINTS", "checkpoint", "compiled_model"]
