"""Progress of training: a bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import sys
import time

from tqdm import tqdm

from ..words import many

LINE_EVERY = 30.0  # seconds between plain lines
# 50 epochs of the paper's are some 42,000 of 8 tiles; below this many a model errs often
FEW_STEPS = 1000


class Progress:
    """Shows steps, loss terms, tiles per second and the time left.

    Args:
        run: the run's name.
        total: steps of the whole training.
        done: steps that were done before (a resumed run).
        tiles: tiles a step.
    """

    def __init__(self, run: str, total: int, done: int, tiles: int) -> None:
        self.run, self.total, self.start, self.tiles = run, total, done, tiles
        self.begun = self.told = time.monotonic()
        self.step = done
        self.bar = None
        if total < FEW_STEPS:
            print(few_steps(run, total), file=sys.stderr, flush=True)
        if sys.stderr.isatty():
            self.bar = tqdm(total=total, initial=done, desc=run, unit="step", file=sys.stderr, leave=True)

    @property
    def tiles_per_second(self) -> float:
        """Rate since this process began training."""
        return (self.step - self.start) * self.tiles / max(time.monotonic() - self.begun, 1e-9)

    def update(self, step: int, epoch: int, terms: dict[str, float]) -> None:
        """Tell of a finished step."""
        self.step = step
        if self.bar is not None:
            self.bar.update(step - self.bar.n)
            self.bar.set_postfix_str(f"epoch {epoch}, {_terms(terms)}, {self.tiles_per_second:.1f} tiles/s")
        elif time.monotonic() - self.told >= LINE_EVERY or step == self.total:
            self.told = time.monotonic()
            self.line(epoch, terms)

    def line(self, epoch: int, terms: dict[str, float]) -> None:
        """One plain line."""
        left = (self.total - self.step) * self.tiles / max(self.tiles_per_second, 1e-9)
        print(
            f"{self.run}: epoch {epoch}, step {self.step}/{self.total}, {_terms(terms)}, "
            f"{self.tiles_per_second:.1f} tiles/s, {_duration(left)} left",
            file=sys.stderr,
            flush=True,
        )

    def epoch(self, row: dict[str, float]) -> None:
        """Tell of a finished epoch and its validation."""
        text = ", ".join(f"{key} {row[key]:.4g}" for key in row if key.startswith("val_"))
        text = f"{self.run}: epoch {row['epoch']:.0f} done, train_total {row['train_total']:.4g}, {text}"
        if self.bar is not None:
            tqdm.write(text, file=sys.stderr)
        else:
            print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leave the terminal tidy."""
        if self.bar is not None:
            self.bar.close()


def few_steps(run: str, total: int) -> str:
    """What is to be said of a training of so few steps (1 or more)."""
    times = math.ceil(FEW_STEPS / total)
    return (
        f"Warning: {run}: {many(total, 'step')} in all, which is few: expect a model that errs often. "
        f"training.tiles_per_epoch or training.epochs times {times} gives {FEW_STEPS:,} and more"
    )


def _terms(terms: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in terms.items())


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {seconds:02d} s"
