import pytest

from serving import demo
from serving.client.failures import BadArgument


@pytest.mark.parametrize(
    ("given", "received"),
    [
        ({}, "none"),
        ({"address": "a:1"}, "--address"),
        ({"export": "a", "run": "b"}, "--export --run"),
        ({"export": "a", "model": "b"}, "--export --model"),
    ],
)
def test_one_source_of_the_model_is_asked_for(given, received):
    with pytest.raises(BadArgument) as caught:
        demo.main(**given)
    assert str(caught.value) == (
        "One of --address with --model, --export and --run must be given. Received: "
        f"{received}. Choose one."
    )
