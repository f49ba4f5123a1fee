"""The mathematics of drift: reference, windows, population stability index, detection of a changed mean, challenger."""
