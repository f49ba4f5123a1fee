"""Mutations: faults that are put back one at a time, to see which seed of the simulator finds each of them."""
