"""Short trainings that choose what the paper leaves open, on validation images and on held-out groups."""
