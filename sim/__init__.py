"""The simulator: the real worker in a simulated world, in which one seed decides everything (docs/simulator.md)."""
