"""Writers of the transactions topic: the replay and its ticks."""
