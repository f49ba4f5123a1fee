"""The mathematics of drift: reference, observed days, population stability index, ADWIN, challenger."""
