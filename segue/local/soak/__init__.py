"""The soak: a full replay under a storm of faults, and the proof that they changed nothing."""
