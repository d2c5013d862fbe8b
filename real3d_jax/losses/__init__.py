"""The losses of the paper: Eq. 1 in `reconstruction`, Eq. 2-10 in `self_training`."""
