"""All forms in which state dicts are saved are read as one; nothing else is taken for one."""

import re

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra [torch] is not installed")

import tensorflow as tf

from tests import torch_reference as reference
from tests.cases import smooth_images
from tfpix2pix import InputError, importers

pytestmark = pytest.mark.torch


class SavedLongAgo:
    """A tensor as PyTorch 0.3 saved it."""

    def __init__(self, tensor):
        self.tensor = tensor

    def __reduce__(self):
        tensor = self.tensor
        place = (tensor._typed_storage(), tensor.storage_offset())
        return torch._utils._rebuild_tensor, (*place, tuple(tensor.size()), tensor.stride())


def prefixed(prefix):
    return lambda state: {f"{prefix}{name}": value for name, value in state.items()}


def each(change):
    return lambda state: {name: change(value) for name, value in state.items()}


EXACT = {
    "parallel": prefixed("module."),
    "compiled": prefixed("_orig_mod."),
    "parallel and compiled": prefixed("module._orig_mod."),
    "compiled and parallel": prefixed("_orig_mod.module."),
    "compiled within": lambda state: {
        name.replace("conv_block", "_orig_mod.conv_block"): value for name, value in state.items()
    },
    "wrapped": lambda state: {"epoch": 200, "state_dict": prefixed("module.")(state)},
    "parameters": each(lambda value: torch.nn.Parameter(value)),
    "double": each(lambda value: value.double()),
    "with counts of batches": lambda state: {
        **state,
        "model.2.num_batches_tracked": torch.tensor(7),
    },
    "channels last": each(
        lambda value: (
            value.to(memory_format=torch.channels_last) if value.dim() == 4 else value.clone()
        )
    ),
}


def resnet():
    return reference.randomized(reference.ResNet(1, 4))


def translated(state):
    image = smooth_images((1, 16, 16, 3))
    return importers.imported_generator(state)[0](image, training=False).numpy()


@pytest.mark.parametrize("form", EXACT)
def test_every_form_of_a_file_is_the_same_network(form, tmp_path):
    network = resnet()
    torch.save(EXACT[form](network.state_dict()), tmp_path / "net.pth")
    from_file = translated(importers.read_state_dict(tmp_path / "net.pth"))
    expected = reference.translated(network, smooth_images((1, 16, 16, 3)))
    np.testing.assert_allclose(from_file, expected, atol=1e-5)
    np.testing.assert_array_equal(translated(EXACT[form](network.state_dict())), from_file)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_read_to_its_last_bit(dtype, tmp_path):
    network = resnet().to(dtype)
    torch.save(network.state_dict(), tmp_path / "half.pth")
    state = importers.read_state_dict(tmp_path / "half.pth")
    for name, value in network.state_dict().items():
        assert state[name].dtype == "float32"
        np.testing.assert_array_equal(state[name], value.float())
    expected = reference.translated(network.float(), smooth_images((1, 16, 16, 3)))
    np.testing.assert_allclose(translated(state), expected, atol=1e-5)


def test_bfloat16_arrays_are_read():
    kernel = np.full((4, 3, 7, 7), 0.3, tf.bfloat16.as_numpy_dtype)
    plain = importers.plain_state({"model.1.weight": kernel})["model.1.weight"]
    np.testing.assert_array_equal(plain, np.float32(0.30078125))


def test_a_file_from_before_pytorch_0_4_is_read_without_its_idle_statistics(tmp_path):
    network = resnet()
    state = dict(network.state_dict())
    for name, module in network.named_modules():
        if isinstance(module, torch.nn.InstanceNorm2d):
            state[f"{name}.running_mean"] = torch.full((module.num_features,), 5.0)
            state[f"{name}.running_var"] = torch.full((module.num_features,), 9.0)
    old = {name: SavedLongAgo(value) for name, value in state.items()}
    path = tmp_path / "latest_net_G.pth"
    torch.save(old, path, _use_new_zipfile_serialization=False)
    read = importers.read_state_dict(path)
    assert set(read) == set(state)
    expected = reference.translated(network, smooth_images((1, 16, 16, 3)))
    np.testing.assert_allclose(translated(read), expected, atol=1e-5)
    assert importers.imported_generator(read)[1]["norm"] == "instance"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([torch.zeros(3)], "it is of the type list"),
        ({}, "it is empty"),
        ({"netG": {"model.1.weight": torch.zeros(3)}}, "its entry 'netG' is of the type dict"),
        ({"epoch": 3}, "its entry 'epoch' is of the type int"),
        ({3: torch.zeros(3)}, "its entry 3 is of the type Tensor"),
        (
            {"a.weight": torch.zeros(3), "module.a.weight": torch.ones(3)},
            "it has 'a.weight' twice, with and without the name of a wrapper",
        ),
    ],
)
def test_anything_else_is_refused_with_the_reason(content, reason, tmp_path):
    message = (
        f"A state dict must hold tensors by their names. Received: {reason}. Give what "
        "`network.state_dict()` returns."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        importers.plain_state(content)
    path = tmp_path / "net.pth"
    torch.save(content, path)
    message = (
        "The checkpoint must be a file of PyTorch that holds nothing but a state dict. Received: "
        f"{str(path)!r} ({reason}). Give a file such as latest_net_G.pth."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        importers.read_state_dict(path)


def test_an_empty_file_is_refused_with_a_reason(tmp_path):
    path = tmp_path / "net.pth"
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r"net\.pth' \([\w ]+\)\. Give a file such as"):
        importers.read_state_dict(path)
