"""The aliases that point to model versions; :mod:`data.postgres.model_registry` says what each is for.

They are apart from it because a command that needs no model imports the views, but not the registry's numpy.
"""

CHAMPION = "champion"
CHALLENGER = "challenger"
PROPOSED = "proposed"
