"""Compare a running stream, as it is in Postgres, with a recomputation from its raw dataset."""

import pandas as pd

from batch.reconcile import reconcile
from data.datasets.dataset import Dataset
from data.postgres import model_registry
from data.postgres.database import engine
from data.postgres.stream_state import read_stream_state


def differences(database_url: str, dataset: Dataset) -> pd.DataFrame:
    """Read one consistent state of the stream, and compare it with the dataset.

    Parameters
    ----------
    database_url
        The stream's Postgres, as ``postgresql://user@host/db``.
    dataset
        What was replayed into the stream.

    Returns
    -------
    DataFrame
        See :func:`batch.reconcile.reconcile`; no rows if the stream is right.

    Raises
    ------
    LookupError
        If no model has been registered yet.
    """
    stream = read_stream_state(database_url)
    postgres = engine(database_url)
    if model_registry.champion_version(postgres) is None:
        raise LookupError("there is no model yet: run `segue fit DATASET`")
    models = model_registry.load_all(postgres, stream.model_versions)
    postgres.dispose()
    return reconcile(dataset.transactions, stream, models)
