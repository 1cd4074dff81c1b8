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


def test_the_precision_of_a_server_that_runs_is_its_own():
    with pytest.raises(BadArgument) as caught:
        demo.main(address="a:1", model="b", precision="auto_bfloat16")
    assert str(caught.value) == (
        "A server that runs has a precision of its own. Received: --address with --precision "
        "auto_bfloat16. Start `python -m serving.server` with --mixed_precision bfloat16."
    )
