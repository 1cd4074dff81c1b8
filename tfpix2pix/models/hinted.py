"""pix2pix with hints: a conditional GAN whose generator sees colours that a user sets at points."""

from typing import ClassVar

import tensorflow as tf
from tensorflow import keras

from tfpix2pix import losses, metrics
from tfpix2pix.layers import PointMap
from tfpix2pix.models.columns import Column
from tfpix2pix.models.pix2pix import Pix2Pix


class HintedPix2Pix(Pix2Pix):
    """Translates images with hints at points, after learning from pairs and points drawn of them.

    It is pix2pix, by whose steps it trains, but for three things: hints are painted on maps, which
    the generator sees beside the source; the discriminator does not see them, since it could punish
    legal but rare colours; and the generator is to follow them.

    Call `compile()` for pix2pix' optimizers, then `fit` on a dataset of `(source, points, target)`
    batches: float `[batch, height, width, channels]` in [-1, 1], and `[batch, points, 3 +
    values]` as of `tfpix2pix.layers.PointMap`, with as many values as the target has channels.

    Args:
        generator: `keras.Model` of the source, the values of hints and their mask, joined, to
            translated images.
        discriminator: `keras.Model` of `[source, target]` to logits.
        hint_weight: Weight of the difference between the translation and the hints, where there
            are any.
        name: Name of the model.
        **options: Those of `tfpix2pix.models.Pix2Pix`.

    Example:
        >>> from tfpix2pix.networks import patch_discriminator, unet_generator
        >>> generator = unet_generator((32, 32, 4), 2, depth=3, base_filters=4)
        >>> discriminator = patch_discriminator((32, 32, 1), 2, base_filters=4, receptive_field=16)
        >>> model = HintedPix2Pix(generator, discriminator)
        >>> model.compile()
        >>> model.translate((tf.zeros((1, 32, 32, 1)), tf.zeros((1, 0, 5)))).shape
        TensorShape([1, 32, 32, 2])

    Reference:
        [Zhang et al., 2017](https://arxiv.org/abs/1705.02999).
    """

    validation_metrics: ClassVar = {**Pix2Pix.validation_metrics, "hinted_psnr": "more"}

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        hint_weight: float = 10.0,
        name: str = "hinted_pix2pix",
        **options,
    ):
        super().__init__(
            generator,
            discriminator,
            extra_losses={"hints": self._hint_loss} if hint_weight else {},
            name=name,
            **options,
        )
        self.hint_weight = hint_weight
        self.source_channels = discriminator.inputs[0].shape[-1]
        self.paint = PointMap(name="source_hints")

    def joined(self, source, points):
        """Returns what the generator sees.

        Args:
            source: float `[batch, height, width, channels]` in [-1, 1].
            points: float `[batch, points, 3 + values]`.

        Returns:
            float32 `[batch, height, width, channels + values + 1]`.
        """
        return tf.concat([source, self.paint([points, source])], axis=-1)

    def judged(self, source):
        """Returns what the discriminator sees of what the generator sees: the source alone."""
        return source[..., : self.source_channels]

    def _hint_loss(self, source, target, translated):
        del target
        hints = source[..., self.source_channels : -1]
        return self.hint_weight * losses.masked_l1(hints, translated, source[..., -1:])

    def call(self, inputs, training: bool = False):
        """Translates a batch; see `translate`."""
        return super().call(self.joined(*inputs), training=training)

    @tf.function(reduce_retracing=True, autograph=False)
    def translate(self, inputs):
        """Translates images, without dropout, each by its own statistics.

        Args:
            inputs: `(source, points)`, as `joined` takes them.

        Returns:
            float32 `[batch, height, width, output_channels]` in (-1, 1).
        """
        return self.generator(self.joined(*inputs), training=False)

    def train_step(self, batch):
        """Trains on one batch as pix2pix does, with the hints painted beside the source."""
        source, points, target = batch
        return super().train_step((self.joined(source, points), target))

    def test_step(self, data):
        """Measures the L1 between translations and targets, in [0, 2]."""
        source, points, target = data
        return super().test_step((self.joined(source, points), target))

    def validate(self, batch):
        """Measures translations beside their targets without hints, and their PSNR with them."""
        source, points, target = batch
        automatic = self.translate((source, points[:, :0]))
        hinted = self.translate((source, points))
        return {
            "l1": losses.l1(target, automatic),
            "psnr": metrics.psnr(target, automatic),
            "ssim": metrics.ssim(target, automatic),
            "hinted_psnr": metrics.psnr(target, hinted),
        }

    def columns(self, batch):
        """Translates a batch: input, output without hints, hints, output with them, target."""
        source, points, target = batch
        automatic = self.translate((source, points[:, :0]))
        hinted = self.translate((source, points))
        return {
            "input": Column("source", "translate", source),
            "no hints": Column("variant", "translate", automatic, source),
            "hints": Column("hints", "translate", self.paint([points, source]), source),
            "output": Column("translation", "translate", hinted, source),
            "target": Column("target", "translate", target, source),
        }

    def images(self, batch):
        """Names the two images of an example."""
        source, _, target = batch
        return {"source": source, "target": target}

    def passes(self, batch):
        """Lists the passes of a step: the generator, then the discriminator on real and fake."""
        source, points, target = batch
        joined = self.joined(source, points)
        translated = self.generator(joined, training=False)
        return [
            ("generator", joined),
            ("discriminator", [source, target]),
            ("discriminator", [source, translated]),
        ]
