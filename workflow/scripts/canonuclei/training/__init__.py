"""Training: batches, augmentation, the loop, checkpoints, progress."""
