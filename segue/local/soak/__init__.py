"""The soak: a full replay with faults at random moments, compared with a replay without faults."""
