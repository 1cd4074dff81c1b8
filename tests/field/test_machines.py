"""Machines as people have them."""

import pytest

from tfpix2pix import InputError
from training.engine import devices


@pytest.mark.parametrize("count", [0, -1])
def test_no_devices_are_refused(count):
    """`--devices -1` means all in other programs; here 0 trained on one in silence."""
    with pytest.raises(InputError) as caught:
        devices.strategy(count)
    assert str(caught.value) == (
        f"There must be at least one device to train on. Received: {count}. Leave --devices out "
        "for all that there are."
    )


def test_devices_beside_a_cluster_are_refused(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {"worker": ["a:1"]}}')
    with pytest.raises(InputError) as caught:
        devices.strategy(2)
    assert str(caught.value) == (
        "The machines of TF_CONFIG train on all of their GPUs. Received: --devices 2 beside it. "
        "Leave --devices out; CUDA_VISIBLE_DEVICES hides GPUs."
    )
