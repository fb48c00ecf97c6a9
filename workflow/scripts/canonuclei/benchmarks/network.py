"""Cases of training: whole steps, and the parts of a step that a target names."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch

from ..models.canonical import CanonicalModel, Instances
from ..training.batches import Batches
from ..training.loop import Trainer
from .material import fresh_model, settings_of
from .measure import Case
from .plain import plain_model, plain_optimizer, plain_training_step


def _batches(material: dict[str, Any], batch: int) -> Batches:
    settings = settings_of(material)
    settings["training"] |= {"batch_size": batch, "tiles_per_epoch": None}
    return Batches(Path(material["tiles"]) / "train", settings, instances=False, counts=True)


def fast_trainer(material: dict[str, Any], encoder: str, batch: int) -> Trainer:
    """The product's own trainer of a model with random weights; nothing is ever saved."""
    batches = _batches(material, batch)
    settings = settings_of(material)
    # so long a schedule that the benchmark never comes to its end
    settings["training"] |= {"batch_size": batch, "tiles_per_epoch": None, "epochs": 100_000}
    nowhere = Path(tempfile.gettempdir()) / "never-written.safetensors"
    trainer = Trainer(
        fresh_model(material, encoder), batches, batches, settings, "benchmark", 0, nowhere, "benchmark"
    )
    trainer.model.train()
    return trainer


def fast_step(trainer: Trainer) -> dict[str, float]:
    """One step: tiles read and augmented, forward, backward, clipping, optimizer, schedule."""
    order = trainer.training.order(0, 0)
    terms = trainer._step(order[trainer.state.step % len(order)])
    trainer.state.step += 1
    return terms


class PlainTrainer:
    """The same step the plain way: fp32, contiguous, not compiled; it reads and augments as the fast one."""

    def __init__(self, material: dict[str, Any], encoder: str, batch: int) -> None:
        self.batches = _batches(material, batch)
        self.model = plain_model(fresh_model(material, encoder)).train()
        options = settings_of(material)["training"]
        self.clip = options["clip_norm"]
        self.optimizer = plain_optimizer(self.model, options["max_lr"] / 25, options["momentum"])
        self.step = 0

    def batch(self) -> dict[str, torch.Tensor]:
        """The next batch, augmented."""
        order = self.batches.order(0, 0)
        generator = torch.Generator().manual_seed(self.step)
        return self.batches.training_batch(order[self.step % len(order)], generator)

    def __call__(self) -> dict[str, float]:
        """One step; the loss terms."""
        terms = plain_training_step(self.model, self.batch(), self.optimizer, self.clip)
        self.step += 1
        return terms


def training_step(material: dict[str, Any], encoder: str, batch: int) -> Case:
    """A whole step on ``encoder`` from random weights; the time of a step does not go by the weights."""
    trainer, plain = fast_trainer(material, encoder, batch), PlainTrainer(material, encoder, batch)
    facts = {"batch": trainer.training.batch_size}
    return Case(plain, lambda: fast_step(trainer), facts, operations=True)


def lite0_vs_resnet50(material: dict[str, Any], batch: int) -> Case:
    """The fast steps of both encoders: ResNet-50's stands as plain."""
    resnet = fast_trainer(material, "resnet50", batch)
    lite = fast_trainer(material, "efficientnet-lite0", batch)
    return Case(lambda: fast_step(resnet), lambda: fast_step(lite), {"batch": lite.training.batch_size})


def loss_alone(material: dict[str, Any], encoder: str, batch: int) -> Case:
    """Compositing and loss of a step, forward and backward, without the network: the step's share of them."""
    trainer = fast_trainer(material, encoder, batch)
    data = PlainTrainer(material, "tiny", batch).batch()
    model: CanonicalModel = trainer.model
    with torch.no_grad():
        placed = model.instances(data["images"])

    def fast() -> None:
        leaves = Instances(*(part.detach().clone().requires_grad_() for part in placed))
        model.instances = lambda images: leaves
        model.loss_terms(data)["total"].backward()

    return Case(None, fast, {"batch": trainer.training.batch_size})


def read_batch(material: dict[str, Any], batch: int) -> Case:
    """Reading and augmenting a batch: the step's share of it."""
    source = PlainTrainer(material, "tiny", batch)

    def fast() -> None:
        source.batch()
        source.step += 1

    return Case(None, fast, {"batch": source.batches.batch_size})
