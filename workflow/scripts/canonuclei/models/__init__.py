"""The networks: the canonical shape, its transform and compositing, the encoders, and the rivals."""
