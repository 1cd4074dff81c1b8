"""The training engine: the loop, checkpoints, devices, the run log and the training doctor."""
