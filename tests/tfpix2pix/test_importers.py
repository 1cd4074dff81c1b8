"""Our networks against PyTorch, from the same weights on the same images."""

import re

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra [torch] is not installed")

import tensorflow as tf

from tests import torch_reference as reference
from tests.cases import smooth_images, with_moving_statistics
from tfpix2pix import InputError, Pix2Pix, importers, losses
from tfpix2pix.data import images
from tfpix2pix.datasets import synthetic

pytestmark = pytest.mark.torch
torch.set_num_threads(2)


def state_of(network):
    return {name: value.numpy() for name, value in network.state_dict().items()}


def to_torch(batch_of_images):
    return torch.from_numpy(np.ascontiguousarray(batch_of_images.numpy().transpose(0, 3, 1, 2)))


def from_torch(tensor):
    return tensor.detach().numpy().transpose(0, 2, 3, 1)


@pytest.mark.parametrize(
    ("side", "norm", "filters"),
    [(256, "batch", 64), (128, "batch", 32), (128, "instance", 32), (32, "batch", 8)],
)
def test_a_unet_gives_pytorch_s_output(side, norm, filters):
    depth = side.bit_length() - 1
    theirs = reference.randomized(reference.UNet(depth, filters, norm=norm, dropout=False))
    ours, options = importers.imported_generator(state_of(theirs))
    assert options == {
        "source_channels": 3,
        "target_channels": 3,
        "base_filters": filters,
        "depth": depth,
        "norm": norm,
    }
    image = smooth_images((1, side, side, 3))
    with torch.no_grad():
        expected = from_torch(theirs.train()(to_torch(image)))
    assert np.abs(expected).std() > 0.05
    # At batch 1 the statistics of the batch are those of the image.
    np.testing.assert_allclose(ours(image, training=False), expected, atol=1e-4)


@pytest.mark.parametrize(("side", "batch_size"), [(256, 1), (128, 1), (32, 3)])
def test_a_unet_in_eval_mode_has_pytorch_s_moving_statistics(side, batch_size):
    theirs = reference.UNet(side.bit_length() - 1, 16, (2, 4), dropout=False)
    ours, options = importers.imported_generator(state_of(reference.randomized(theirs)))
    assert (options["source_channels"], options["target_channels"]) == (2, 4)
    image = smooth_images((batch_size, side, side, 2))
    with torch.no_grad():
        expected = from_torch(theirs.eval()(to_torch(image)))
    by_moving = with_moving_statistics(ours)
    np.testing.assert_allclose(by_moving(image, training=False), expected, atol=1e-4)


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize(
    ("strided", "field", "side"), [(0, 1, 16), (1, 16, 16), (3, 70, 64), (5, 286, 128)]
)
def test_a_patchgan_gives_pytorch_s_logits(strided, field, side, norm):
    theirs = (
        reference.PatchGAN(6, 16, strided, norm) if strided else reference.PixelGAN(6, 16, norm)
    )
    theirs = reference.randomized(theirs)
    ours, options = importers.imported_discriminator(
        state_of(theirs), source_channels=3, target_channels=3
    )
    assert options == {
        "base_filters": 16,
        "receptive_field": field,
        "norm": norm,
        "conditional": True,
    }
    source, target = smooth_images((1, side, side, 3)), smooth_images((1, side, side, 3), 1)
    with torch.no_grad():
        expected = from_torch(theirs.train()(torch.cat([to_torch(source), to_torch(target)], 1)))
    np.testing.assert_allclose(ours([source, target], training=False), expected, atol=1e-4)


def test_an_unconditional_patchgan_is_recognized():
    theirs = reference.randomized(reference.PatchGAN(3, 8))
    ours, options = importers.imported_discriminator(
        state_of(theirs), source_channels=1, target_channels=3
    )
    assert options["conditional"] is False
    assert ours.input_shape == [(None, None, None, 1), (None, None, None, 3)]


class TorchStep:
    """pix2pix's training step in PyTorch: D on its halved loss, then G against the updated D."""

    def __init__(self, generator, discriminator):
        self.generator, self.discriminator = generator.train(), discriminator.train()
        self.optimizers = [
            torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999), eps=1e-8)
            for network in (generator, discriminator)
        ]
        self.bce = nn_bce()

    def __call__(self, source, target):
        translated = self.generator(source)
        real = self.discriminator(torch.cat([source, target], 1))
        fake = self.discriminator(torch.cat([source, translated.detach()], 1))
        judging = 0.5 * (
            self.bce(real, torch.ones_like(real)) + self.bce(fake, torch.zeros_like(fake))
        )
        self.optimizers[1].zero_grad()
        judging.backward()
        self.gradients = {"discriminator": self.gradients_of(self.discriminator)}
        self.optimizers[1].step()
        fake = self.discriminator(torch.cat([source, translated], 1))
        gan = self.bce(fake, torch.ones_like(fake))
        distance = 100 * (target - translated).abs().mean()
        self.optimizers[0].zero_grad()
        (gan + distance).backward()
        self.gradients["generator"] = self.gradients_of(self.generator)
        self.optimizers[0].step()
        return [float(value) for value in (judging.detach(), gan.detach(), distance.detach())]

    @staticmethod
    def gradients_of(network):
        return {name: value.grad.numpy().copy() for name, value in network.named_parameters()}


def nn_bce():
    return torch.nn.BCEWithLogitsLoss()


@pytest.fixture
def twins():
    """`(theirs, ours)`: the same networks of the same weights in both frameworks, 32 pixels."""
    generator = reference.UNet(5, 8, dropout=False)
    discriminator = reference.PatchGAN(6, 8, strided=2)
    for seed, network in enumerate((generator, discriminator)):
        torch.manual_seed(seed)
        for name, value in network.named_parameters():
            ones = value.dim() == 1 and name.endswith("weight")
            torch.nn.init.normal_(value, 1.0 if ones else 0.0, 0.02)
    ours_g, _ = importers.imported_generator(state_of(generator))
    ours_d, _ = importers.imported_discriminator(
        state_of(discriminator), source_channels=3, target_channels=3
    )
    model = Pix2Pix(without_dropout(ours_g), ours_d)
    model.compile()
    return TorchStep(generator, discriminator), model


def without_dropout(network):
    for layer in network.layers:
        if layer.name.endswith("_dropout"):
            layer.rate = 0.0
    return network


def batch(seed):
    photo, labels = synthetic.facade((32, 32), seed)
    return images.to_signed(labels[None]), images.to_signed(photo[None])


def imported_like(model, state, player):
    """Returns arrays shaped as PyTorch's parameters in the order of our variables."""
    if player == "generator":
        network, _ = importers.imported_generator(state)
    else:
        network, _ = importers.imported_discriminator(state, source_channels=3, target_channels=3)
    return [variable.numpy() for variable in network.trainable_variables]


def test_one_training_step_has_pytorch_s_losses_gradients_and_weights(twins):
    theirs, ours = twins
    source, target = batch(3)
    gradients = {}

    apply = ours.apply

    def apply_and_record(step):
        gradients.update({player: [g.numpy() for g in values] for player, values in step.items()})
        apply(step)

    ours.apply = apply_and_record
    logs = ours.train_step((source, target))
    expected = theirs(to_torch(source), to_torch(target))
    names = ("discriminator_gan", "generator_gan", "generator_l1")
    np.testing.assert_allclose([float(logs[name]) for name in names], expected, rtol=1e-3)
    for player, network in (
        ("generator", theirs.generator),
        ("discriminator", theirs.discriminator),
    ):
        buffers = {n: v.numpy() for n, v in network.named_buffers()}
        state = {**buffers, **theirs.gradients[player]}
        for mine, yours in zip(gradients[player], imported_like(ours, state, player)):
            assert np.linalg.norm(mine - yours) <= 1e-3 * np.linalg.norm(yours)
        updated = imported_like(ours, state_of(network), player)
        for mine, yours in zip(ours.players[player].trainable_variables, updated):
            assert np.linalg.norm(mine.numpy() - yours) <= 1e-3 * np.linalg.norm(yours)


def test_fifty_steps_have_pytorch_s_loss_curves(twins):
    theirs, ours = twins
    step = tf.function(ours.train_step)
    curves = []
    for number in range(50):
        source, target = batch(number % 4)
        for tracker in ours.trackers.values():
            tracker.reset_state()
        logs = step((source, target))
        mine = [float(logs[n]) for n in ("discriminator_gan", "generator_gan", "generator_l1")]
        curves.append((mine, theirs(to_torch(source), to_torch(target))))
    mine, yours = np.array(curves).swapaxes(0, 1)
    assert yours[-1][2] < 0.9 * yours[0][2], "it learns"
    np.testing.assert_allclose(mine, yours, rtol=0.02)


def test_a_checkpoint_file_is_read(tmp_path):
    network = reference.randomized(reference.PatchGAN(6, 8))
    wrapped = {f"module.{name}": value for name, value in network.state_dict().items()}
    torch.save(wrapped, tmp_path / "latest_net_D.pth")
    state = importers.read_state_dict(tmp_path / "latest_net_D.pth")
    np.testing.assert_array_equal(state["model.0.weight"], network.model[0].weight.detach())


def test_a_file_that_would_run_code_is_refused(tmp_path):
    torch.save({"weight": losses.l1}, tmp_path / "evil.pth")
    with pytest.raises(InputError, match="must be a file of PyTorch that holds nothing but"):
        importers.read_state_dict(tmp_path / "evil.pth")


def test_the_first_weight_that_differs_is_named_with_both_shapes():
    state = state_of(reference.UNet(5, 8))
    state["model.model.1.model.1.weight"] = np.zeros((16, 8, 3, 3), "float32")
    message = (
        "Every weight must have its place. The first that differs: down2_conv/kernel of shape "
        "(4, 4, 8, 16), for which the checkpoint has (3, 3, 8, 16) under "
        "'model.model.1.model.1.weight'. Give a checkpoint of a U-Net, ResNet or PatchGAN as its "
        "authors build it."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        importers.imported_generator(state)
    state = state_of(reference.UNet(5, 8))
    state["model.model.3.weight"] = state["model.model.3.weight"][:15]
    with pytest.raises(InputError, match=r"head_conv/kernel of shape \(4, 4, 3, 16\).*3, 15\)"):
        importers.imported_generator(state)
    state = state_of(reference.UNet(5, 8))
    del state["model.model.1.model.2.running_mean"]
    with pytest.raises(InputError, match=r"down2_norm/moving_mean .* has nothing under"):
        importers.imported_generator(state)


def test_what_is_no_generator_or_patchgan_is_refused():
    for shape in ((64, 3, 3, 3), (64, 3)):
        message = (
            "The state dict of a U-Net or ResNet has a kernel model.model.0.weight of 4x4 or "
            "model1_1.1.weight of 7x7 or model.1.weight of 7x7. Received: one that starts with "
            f"'model.1.weight' of shape {shape}. Give a file such as latest_net_G.pth."
        )
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            importers.imported_generator({"model.1.weight": np.zeros(shape)})
    for kernel, received in (
        ({"model.1.weight": np.zeros((64, 3, 7, 7))}, "1 of 7x7"),
        ({"conv1.weight": np.zeros((64, 3, 7, 7))}, "none"),
        ({"model.1.weight": np.zeros(3)}, "none"),
    ):
        message = (
            "A PatchGAN's state dict has 3 to 7 convolutions of 4x4, or 3 of 1x1. Received: "
            f"{received}. Give a file such as latest_net_D.pth."
        )
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            importers.imported_discriminator(kernel, source_channels=3, target_channels=3)
