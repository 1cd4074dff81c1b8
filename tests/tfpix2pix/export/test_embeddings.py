import numpy as np
import pytest
import tensorflow as tf

from serving.publishing.proof import check_served
from tests.cases import fixed_weights, open_generator
from tests.cases.embeddings import block_means, expected_means, smooth_floats, two_embeddings
from tfpix2pix import InputError
from tfpix2pix.data import images
from tfpix2pix.export import export, model_card, named_directions, read_card, signatures
from tfpix2pix.export.comparison import difference_of_vectors, parity
from tfpix2pix.export.embeddings import embedding_names
from tfpix2pix.inference import embed, embeddings_sha256

RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="module")
def generator():
    return fixed_weights(open_generator(dropout_levels=0))


@pytest.fixture(scope="module")
def embeddings():
    return two_embeddings()


@pytest.fixture(scope="module")
def version(generator, embeddings, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports") / "vectors"
    path, difference = export(generator, folder, embeddings=embeddings)
    assert difference < 1e-5
    return path


@pytest.fixture(scope="module")
def served(version):
    return tf.saved_model.load(str(version)).signatures


def test_embeddings_have_signatures_of_files_and_of_floats(served):
    plain = {"serving_default", "float", "uint8", "model_card"}
    vectors = {"embedding", "embedding_float", "depths_embedding", "depths_embedding_float"}
    assert set(served) == plain | vectors
    inputs = {
        name: {key: spec.shape.as_list() for key, spec in one.structured_input_signature[1].items()}
        for name, one in served.items()
        if name in vectors
    }
    assert inputs["embedding"] == {"image_bytes": [None]}
    assert inputs["embedding_float"] == {"image": [None, None, None, 3]}
    # PNG does not hold five channels.
    assert inputs["depths_embedding"] == inputs["depths_embedding_float"]
    assert inputs["depths_embedding"] == {"image": [None, None, None, 5]}


def test_vectors_are_those_of_numpy_for_files_of_any_size(served, embeddings):
    pictures = [RANDOM.integers(0, 256, (8 * n, 12 * n, 3)).astype("uint8") for n in (1, 2, 3)]
    files = tf.stack([images.encode(picture) for picture in pictures])
    answer = served["embedding"](image_bytes=files)["embedding"]
    assert (answer.shape, answer.dtype) == ((3, 12), tf.float32)
    expected = [expected_means(embeddings["faces"], picture) for picture in pictures]
    np.testing.assert_allclose(answer, expected, atol=1e-5)
    for picture, vector in zip(pictures, expected):
        source = images.to_signed(picture)[tf.newaxis]
        floats = served["embedding_float"](image=source)["embedding"]
        np.testing.assert_allclose(floats, [vector], atol=1e-5)
        np.testing.assert_allclose(embed(embeddings["faces"], source), [vector], atol=1e-5)
    means = served["depths_embedding"](image=smooth_floats((2, 6, 6, 5)))["embedding"]
    np.testing.assert_allclose(means, smooth_floats((2, 6, 6, 5)).numpy().mean((1, 2)), atol=1e-6)


def test_the_card_lists_embeddings_and_stays_one_that_older_clients_read(version, generator):
    card = read_card(version)
    assert card["embeddings"] == [
        {
            "name": "faces",
            "source": {"channels": 3, "dtype": "uint8", "value_range": [0.0, 255.0]},
            "image_size": [8, 12],
            "length": 12,
            "signatures": {"default": "embedding", "float": "embedding_float"},
        },
        {
            "name": "depths",
            "source": {"channels": 5, "dtype": "float32", "value_range": [0.0, 1.0]},
            "image_size": [6, 6],
            "length": 5,
            "signatures": {"default": "depths_embedding", "float": "depths_embedding_float"},
        },
    ]
    assert card["embeddings_sha256"] == embeddings_sha256(two_embeddings())
    assert card["format"] == 2
    assert [direction["name"] for direction in card["directions"]] == ["translate"]
    plain = model_card(named_directions(generator), "plain")
    assert not {"embeddings", "embeddings_sha256"} & set(plain)


def test_weights_of_embeddings_are_rounded_with_the_others(generator, embeddings, tmp_path):
    before = [weight.numpy() for weight in embeddings["faces"].network.weights]
    version, difference = export(
        generator, tmp_path / "half", embeddings=embeddings, weights="float16"
    )
    assert difference < 1e-5
    rounded = block_means()
    rounded.network.set_weights([weight.astype("float16") for weight in before])
    source = smooth_floats((1, 8, 12, 3))
    served = tf.saved_model.load(str(version)).signatures
    answer = served["embedding_float"](image=source)["embedding"]
    np.testing.assert_allclose(answer, embed(rounded, source), atol=1e-6)
    sha256 = read_card(version)["embeddings_sha256"]
    assert sha256 == embeddings_sha256({**embeddings, "faces": rounded})
    assert sha256 != embeddings_sha256(embeddings)  # No index mixes both.
    for weight, value in zip(embeddings["faces"].network.weights, before):
        np.testing.assert_array_equal(weight, value)


def test_what_is_served_otherwise_is_not_published(version, generator, embeddings):
    other = block_means()
    other.network.set_weights([2 * weight for weight in other.network.get_weights()])
    swapped = {**embeddings, "faces": other}
    assert parity(generator, version, embeddings=embeddings) < 1e-5
    assert parity(generator, version, embeddings=swapped) > 0.1
    check_served(version, generator, (8, 12), embeddings=embeddings)
    with pytest.raises(InputError, match="must agree with the trained one"):
        check_served(version, generator, (8, 12), embeddings=swapped)


def test_differences_count_in_parts_of_large_numbers():
    assert difference_of_vectors(np.array([[0.5, 0.0]]), np.array([[0.25, 0.0]])) == 0.25
    assert difference_of_vectors(np.array([[50.0, 0.0]]), np.array([[100.0, 1.0]])) == 0.5


def test_files_that_translation_refuses_are_refused(served):
    deep = tf.io.encode_png(tf.zeros((8, 12, 3), "uint16"))
    with pytest.raises(tf.errors.InvalidArgumentError, match="Images of 8 bits must be sent"):
        served["embedding"](image_bytes=deep[tf.newaxis])
    with pytest.raises(tf.errors.InvalidArgumentError, match="at least 1 pixel and at most"):
        served["embedding_float"](image=tf.zeros((1, 0, 4, 3)))


def test_names_and_networks_that_do_not_do_are_refused(generator, embeddings):
    direction = named_directions(generator)["translate"]
    with pytest.raises(InputError) as caught:
        signatures({"A": direction, "embedding": direction}, {}, embeddings=embeddings)
    assert str(caught.value) == (
        "Signatures must have names of their own. Received: embedding, embedding_float of the "
        "embedding 'faces' again. Rename the other, or the embedding."
    )
    with pytest.raises(InputError) as caught:
        embedding_names({"faces": embeddings["faces"]._replace(network=generator)})
    assert str(caught.value) == (
        "The network of an embedding must give vectors, `[batch, length]`. Received: "
        "(None, None, None, 3) of 'faces'. Flatten it, or take means."
    )
    with pytest.raises(InputError) as caught:
        embed(embeddings["depths"], tf.zeros((1, 6, 6, 3)))
    assert str(caught.value) == (
        "`source` must be float `[batch, height, width, 5]` in [-1, 1] and not empty. Received: "
        "float32 of shape (1, 6, 6, 3). `tfpix2pix.data.images.to_signed` makes it of pixels."
    )
