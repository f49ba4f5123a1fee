import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from batch.running_totals import NO_MORE, RunningTotals

ROW = st.tuples(st.sampled_from("abc"), st.integers(0, 30), st.sampled_from(["sale", "return"]), st.integers(0, 99))


def table(rows: list[tuple[str, int, str, int]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["customer_id", "moment", "kind", "amount_units"])


@given(st.lists(ROW, min_size=1, max_size=25), st.lists(st.integers(-2, 33), min_size=1, max_size=5))
def test_totals_and_the_transaction_after_a_moment_equal_plain_loops(
    rows: list[tuple[str, int, str, int]], moments: list[int]
) -> None:
    running = RunningTotals.of(table(rows))
    for customer in "abc":
        own = [row for row in rows if row[0] == customer]
        number = np.repeat(running.numbers(pd.Index([customer])), len(moments))
        found, following = running.until(number, np.array(moments)), running.following(number, np.array(moments))
        for place, moment in enumerate(moments):
            past = [row for row in own if row[1] <= moment]
            assert found.frequency[place] == sum(row[2] == "sale" for row in past)
            assert found.gross_units[place] == sum(row[3] for row in past if row[2] == "sale")
            assert found.returned_units[place] == sum(row[3] for row in past if row[2] == "return")
            assert following[place] == min((row[1] for row in own if row[1] > moment), default=NO_MORE)
