import re
import shutil

import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from serving.engine.servable import Servable
from serving.publishing.proof import check_served, write_warmup
from tests.cases import fixed_weights
from tfpix2pix import InputError
from tfpix2pix.export import export
from tfpix2pix.networks import unet_generator


def test_every_signature_has_a_request_that_the_loaded_version_answers(tmp_path):
    generator = fixed_weights(unet_generator((None, None, 3), depth=3, base_filters=4))
    version, _ = export(generator, tmp_path, finish=lambda part: write_warmup(part, (8, 16)))
    records = tf.data.TFRecordDataset(str(version / "assets.extra/tf_serving_warmup_requests"))
    assert (version / "assets.extra/tf_serving_warmup_requests").stat().st_size < 1500
    servable, answered = Servable(version), {}
    for record in records.as_numpy_iterator():
        log = prediction_log_pb2.PredictionLog.FromString(record)
        assert log.WhichOneof("log_type") == "predict_log"
        request = log.predict_log.request
        name, outputs = servable.predict(
            request.model_spec.signature_name, request.inputs, request.output_filter
        )
        (answered[name],) = outputs.values()
    shapes = {name: output.shape for name, output in answered.items()}
    images = {name: (1, 8, 16, 3) for name in ("float", "uint8")}
    assert shapes == {**images, "serving_default": (1,), "sampled": (1,), "model_card": (1,)}


@pytest.mark.slow
def test_every_direction_and_control_is_warmed_up_and_proved(exported_directions, tmp_path):
    directions, exports = exported_directions
    version = shutil.copytree(exports / "both/1", tmp_path / "1")
    check_served(version, directions, (6, 4))
    write_warmup(version, (6, 4))
    records = tf.data.TFRecordDataset(str(version / "assets.extra/tf_serving_warmup_requests"))
    shapes = {}
    for record in records.as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        shapes[request.model_spec.signature_name] = {
            alias: tuple(axis.size for axis in tensor.tensor_shape.dim)
            for alias, tensor in request.inputs.items()
        }
    assert len(shapes) == 17
    assert shapes["BtoA_controlled"] == {
        "image_bytes": (1,),
        **{"style": (1, 3), "hints": (1, 6, 4, 4), "season": (1,), "seed": (1,)},
        **{f"set_{name}": (1,) for name in ("style", "hints", "season", "seed")},
    }
    assert shapes["BtoA"] == {"image_bytes": (1,)}
    assert shapes["BtoA_style"] == {"image_bytes": (1,), "style": (1, 3)}
    assert shapes["hints"] == {"image_bytes": (1,), "hints": (1, 6, 4, 4)}
    swapped = dict(zip(directions, reversed(directions.values())))
    with pytest.raises(InputError, match="must agree with the trained one"):
        check_served(version, swapped, (6, 4))


def test_a_version_that_is_served_otherwise_is_not_published(tmp_path):
    generator = fixed_weights(unet_generator((None, None, 3), depth=3, base_filters=4))
    export(generator, tmp_path / "kept", finish=lambda part: check_served(part, generator, (8, 16)))
    other = unet_generator((None, None, 3), depth=3, base_filters=4, seed=1)
    with pytest.raises(InputError) as caught:
        export(
            generator, tmp_path / "other", finish=lambda part: check_served(part, other, (8, 16))
        )
    message = re.sub(r"difference of [\d.e-]+;", "difference of D;", str(caught.value))
    assert message == (
        "The exported model must agree with the trained one within 0.0001. Received: a difference "
        f"of D; nothing was published to {tmp_path / 'other'}. Leave layers that are random or "
        "depend on the batch at inference out of the generator."
    )
    assert [path.name for path in tmp_path.glob("*/*")] == ["1"]
