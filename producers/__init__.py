"""Everything that writes into the transactions topic: replays with their ticks, model activation, requeued records."""
