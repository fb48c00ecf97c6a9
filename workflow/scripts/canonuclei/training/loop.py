"""The training loop: SGD with Nesterov momentum under One Cycle, resumable after any step.

Every random choice of a step follows from the seed and the step's number alone, so a run that was
interrupted goes on as if it had not been, bitwise (same processor type and number of threads; on CUDA some
sums have no fixed order, and it is the same up to rounding).
"""

from __future__ import annotations

import hashlib
import json
import math
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import InputError
from .batches import Batches
from .checkpoint import FAILED, State, load_checkpoint, not_finite, save_checkpoint, save_failure
from .device import autocast, choose_device, keep_memory
from .progress import Progress
from .validate import validate


class Interrupted(Exception):
    """Training was asked to stop (SIGTERM, SIGINT); its checkpoint is written."""


class Trainer:
    """Trains one run.

    Args:
        model: gives ``loss_terms`` of a batch.
        training, validation: batches of the two sets.
        settings: the run's settings.
        run: its name.
        seed: of shuffling and augmentation.
        checkpoint: where the checkpoint stands.
        fingerprint: what else the run is made from (code, data); with the settings it tells whether a
            checkpoint belongs to this run.
    """

    def __init__(
        self,
        model: nn.Module,
        training: Batches,
        validation: Batches,
        settings: dict[str, Any],
        run: str,
        seed: int,
        checkpoint: Path,
        fingerprint: str = "",
    ) -> None:
        self.device = choose_device()
        if self.device.type == "cpu":
            keep_memory()
        self.model = model.to(self.device, memory_format=torch.channels_last)
        self.training, self.validation = training, validation
        self.options, self.run, self.seed, self.checkpoint = settings["training"], run, seed, checkpoint
        self.steps = training.steps
        self.total = self.steps * self.options["epochs"]
        self.optimizer = _optimizer(model, self.options)
        self.scheduler = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer,
            max_lr=self.options["max_lr"],
            total_steps=self.total,
            pct_start=_rise(self.options["warmup_fraction"], self.total),
            cycle_momentum=self.options["cycle_momentum"],
        )
        text = json.dumps([settings, run, seed, self.steps, fingerprint], sort_keys=True)
        self.fingerprint = hashlib.sha256(text.encode()).hexdigest()[:16]
        self.state = State(fingerprint=self.fingerprint)
        self.stop_asked = False

    def fit(self) -> list[dict[str, float]]:
        """Train to the end, from the checkpoint if there is one.

        Returns:
            A row an epoch: losses, validation metrics, learning rate, time.

        Raises:
            Interrupted: a signal asked to stop; the checkpoint is written.
            InputError: loss, gradient or weights are no numbers any more; the state is kept in
                ``failed.safetensors`` beside the checkpoint, to be looked at.
        """
        state = load_checkpoint(self.checkpoint, self.model, self.optimizer, self.fingerprint)
        if state is not None:
            self.state = state
            self.scheduler.load_state_dict(state.scheduler)
            for group, kept in zip(self.optimizer.param_groups, state.groups, strict=True):
                group.update(kept)
            if state.threads != torch.get_num_threads():
                print(
                    f"{self.run}: was begun with {state.threads} threads and goes on with "
                    f"{torch.get_num_threads()}: its weights will differ in the last digits"
                )
            print(f"{self.run}: goes on after step {state.step} of {self.total}")
        elif self.checkpoint.exists():
            print(f"{self.run}: the checkpoint is of other settings, data or code; training begins anew")
        self.progress = Progress(self.run, self.total, self.state.step, self.training.batch_size)
        handlers = {s: signal.signal(s, self._ask_to_stop) for s in (signal.SIGTERM, signal.SIGINT)}
        try:
            while self.state.step < self.total:
                self._epoch(self.state.step // self.steps)
        finally:
            self.progress.close()
            for number, handler in handlers.items():
                signal.signal(number, handler)
        return self.state.log

    def _epoch(self, epoch: int) -> None:
        order = self.training.order(self.seed, epoch)
        self.model.train()
        for i in range(self.state.step % self.steps, self.steps):
            begun = time.monotonic()
            terms = self._step(order[i])
            for name, value in terms.items():
                self.state.sums[name] = self.state.sums.get(name, 0.0) + value
            self.state.step += 1
            self.state.seconds += time.monotonic() - begun
            self.progress.update(self.state.step, epoch + 1, terms)
            if self.stop_asked and i + 1 < self.steps:
                self._save()
                raise Interrupted(f"{self.run}: stopped after step {self.state.step}; it resumes from there")
        self._end_epoch(epoch)
        if self.stop_asked and self.state.step < self.total:
            raise Interrupted(f"{self.run}: stopped after epoch {epoch + 1}; it resumes from there")

    def _step(self, index) -> dict[str, float]:
        # torch's own generator too: Mask R-CNN draws its proposals from it
        seed = self.seed * 1_000_003 + self.state.step
        torch.manual_seed(seed)
        generator = torch.Generator().manual_seed(seed)
        batch = self.training.training_batch(index, generator)
        batch = {key: value.to(self.device, non_blocking=True) for key, value in batch.items()}
        # before the forward pass, which then has the old gradients' memory
        self.optimizer.zero_grad(set_to_none=True)
        with autocast(self.device, self.options["precision"]):
            terms = self.model.loss_terms(batch)
        terms["total"].backward()
        values = {name: float(value.detach()) for name, value in terms.items()}
        norm = _clip(self.model, self.options["clip_norm"])
        for name, value in {"loss": values["total"], "gradient": norm}.items():
            # before the optimizer's step: weights that are no numbers would be the next checkpoint's
            if not math.isfinite(value):
                raise self._failed(name, value, np.sort(index), batch, values)
        self.optimizer.step()
        self.scheduler.step()
        return values

    def _end_epoch(self, epoch: int) -> None:
        means = {f"train_{name}": value / self.steps for name, value in self.state.sums.items()}
        rate = self.optimizer.param_groups[0]["lr"]
        row = {"epoch": epoch + 1, "step": self.state.step, "lr": rate, **means}
        row |= validate(self.model, self.validation, self.device, self.options["precision"])
        row |= {
            "seconds": round(self.state.seconds, 2),
            "tiles_per_second": round(self.progress.tiles_per_second, 2),
        }
        self.state.log.append(row)
        self.state.sums = {}
        self.progress.epoch(row)
        self._save()

    def _failed(
        self, name: str, value: float, tiles: np.ndarray, batch: dict[str, Tensor], terms: dict[str, float]
    ) -> InputError:
        """Keep what there is to look at; returns the error that tells of it."""
        path = self.checkpoint.with_name(FAILED)
        rows = self.training.tiles.table.iloc[tiles][["image_id", "tile_y", "tile_x"]]
        told = {"step": self.state.step, "epoch": self.state.step // self.steps + 1, "what": name}
        told |= {"terms": {term: str(number) for term, number in terms.items()}}
        told["tiles"] = [
            {"tile": int(i), **row} for i, row in zip(tiles, rows.to_dict("records"), strict=True)
        ]
        self._note_state()
        save_failure(path, self.model, self.optimizer, self.state, batch, told)
        where = f" (tiles {', '.join(str(int(i)) for i in tiles)})" if len(tiles) else ""
        remedy = (
            "lower training.max_lr or training.clip_norm, set training.precision to fp32, or look at these "
            f"tiles: the state and the batch are in {path}; with nothing changed, the same command goes on "
            "from the last checkpoint and comes to the same"
        )
        return InputError(self.run, f"the {name} is {value} at step {self.state.step}{where}", remedy)

    def _save(self) -> None:
        # the running means of batch norm move without a gradient
        if bad := not_finite(self.model):
            raise self._failed(bad[0], math.nan, np.zeros(0, np.int64), {}, {})
        self._note_state()
        save_checkpoint(self.checkpoint, self.model, self.optimizer, self.state)

    def _note_state(self) -> None:
        self.state.scheduler = {
            key: value for key, value in self.scheduler.state_dict().items() if not callable(value)
        }
        self.state.groups = [
            {name: group[name] for name in ("lr", "momentum")} for group in self.optimizer.param_groups
        ]
        self.state.threads = torch.get_num_threads()

    def _ask_to_stop(self, number: int, frame: Any) -> None:
        self.stop_asked = True


def _optimizer(model: nn.Module, options: dict[str, Any]) -> torch.optim.SGD:
    """SGD with Nesterov momentum; weight decay on kernels only: the 88 shape weights carry a size."""
    decayed, others = [], []
    for name, parameter in model.named_parameters():
        kernel = parameter.ndim > 1 and not name.startswith("shape.")
        (decayed if kernel else others).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": options["weight_decay"]},
        {"params": others, "weight_decay": 0.0},
    ]
    # fused: one pass over the weights, which are more than any cache holds, instead of six
    return torch.optim.SGD(
        groups, lr=options["max_lr"], momentum=options["momentum"], nesterov=True, fused=True
    )


def _rise(fraction: float, total: int) -> float:
    """One Cycle's ``pct_start``: torch divides by the steps after the first in which the rate rises.

    A rise of one step alone (it would divide by zero) is left out, as torch leaves out a shorter one.
    """
    return fraction / 2 if math.isclose(fraction * total, 1.0) else fraction


def _clip(model: nn.Module, limit: float) -> float:
    """``clip_grad_norm_``, but gradients within the limit are not multiplied by 1.

    Returns:
        The norm before; gradients whose norm is no number, or infinite, are left as they are.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.grad is not None]
    norm = nn.utils.get_total_norm([parameter.grad for parameter in parameters])
    length = float(norm)
    if limit < length < math.inf:
        nn.utils.clip_grads_with_norm_(parameters, limit, norm)
    return length
