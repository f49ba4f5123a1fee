"""How many customers of a large shop stand for all: those with the lowest hash of their id."""

#: Enough for the parameters of a fit, which takes seconds on them, and for a comparison with what happened.
MOST_CUSTOMERS = 20_000
