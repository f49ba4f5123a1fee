"""Mutations of claims and of the unit of work: who may write, and what a commit compares."""

from sim.mutation.mutation import Mutation

_CLAIM = "stream_app/storage/claim.py"
_SQL = "stream_app/storage/statements.py"
_TASK = "stream_app/partitions/partition_task.py"
_UNIT = "stream_app/storage/unit_of_work.py"
_UNITS = "stream_app/partitions/units_of_work.py"
_COMPARED = """WHERE partition = %(partition)s AND log_id = %(log_id)s AND epoch = %(epoch)s \
AND next_offset = %(expected_offset)s
  AND change_position = %(expected_position)s AND risk_position = %(expected_risk_position)s"""

CLAIMS = (
    Mutation(
        "compare-and-set dropped",
        "A zombie commits over its successor, so that customers count orders twice and the partition goes back.",
        _SQL,
        _COMPARED,
        "WHERE partition = %(partition)s",
        "reliability",
    ),
    Mutation(
        "epoch and position not compared",
        "A zombie whose successor has committed decay but no record yet overwrites what the successor has stored.",
        _SQL,
        _COMPARED,
        "WHERE partition = %(partition)s AND log_id = %(log_id)s AND next_offset = %(expected_offset)s",
    ),
    Mutation(
        "epoch not raised",
        "Two workers own one partition, and each of them takes the other one's commits for its own.",
        _SQL,
        "epoch = progress.epoch + 1,",
        "epoch = progress.epoch,",
        "reliability",
    ),
    Mutation(
        "ledger and progress committed apart",
        "A worker that dies between the two commits applies its records again, and numbers changes twice.",
        _UNIT,
        "            # Step 7: advance the progress row.\n",
        "            await self._connection.commit()\n",
    ),
    Mutation(
        "failed compare-and-set ignored",
        "A worker that has lost its claim goes on as if it had committed.",
        _UNIT,
        "        if self._cursor.rowcount != 1:\n            await self._connection.rollback()",
        "        if self._cursor.rowcount > 1:\n            await self._connection.rollback()",
    ),
    Mutation(
        "claim that Postgres has lost not noticed",
        "After Postgres was set back to before the first claim, the worker fails forever.",
        _CLAIM,
        '        except LookupError:\n            raise FencedError(f"Postgres was set back',
        '        except KeyError:\n            raise FencedError(f"Postgres was set back',
        "history",
    ),
    Mutation(
        "progress taken from the claim after a fault",
        "After a commit whose answer was lost, the worker counts its records as not applied.",
        _TASK,
        "self._work.progress = await self._store.progress(self._work.progress)",
        "await self._store.progress(self._work.progress)",
    ),
    Mutation(
        "forgotten customers not loaded after a claim",
        "The next owner of a partition applies records of a forgotten customer, who so comes back.",
        _TASK,
        "        await self._store.load_forgotten()\n",
        "",
    ),
    Mutation(
        "Postgres blamed on a record",
        "During a lock, a full disk or a restart of Postgres, good records become dead letters.",
        "stream_app/partitions/bisection.py",
        "    if isinstance(error, psycopg.Error):\n",
        "    if isinstance(error, psycopg.Error):\n        return True\n",
        "reliability",
    ),
    Mutation(
        "changes published before their commit",
        "Subscribers act on changes that Postgres never gets, since their unit of work fails.",
        _UNITS,
        "        self.progress = await self._store.save(",
        "        self._publisher.offer_changes(changes)\n        self.progress = await self._store.save(",
    ),
    Mutation(
        "dead letters published before their commit",
        "The dead letter topic has records that were applied in the end.",
        _UNITS,
        "        await self._commit(batch, result)\n        self._recovery.applied(self.progress)",
        "        self._publisher.offer_dead_letters(result.dead_letters)\n        await self._commit(batch, result)\n"
        "        self._recovery.applied(self.progress)",
    ),
    Mutation(
        "claim makes the champion active again",
        "Each rebalance takes a partition back to its first model.",
        _SQL,
        "ELSE coalesce(progress.model_version, excluded.model_version) END",
        "ELSE coalesce(excluded.model_version, progress.model_version) END",
    ),
    Mutation(
        "idle partition does not compare its progress",
        "If Postgres is set back under an idle worker, the lost records are never applied again.",
        _SQL,
        "AND epoch = %(epoch)s AND next_offset = %(next_offset)s\n"
        "  AND change_position = %(change_position)s AND risk_position = %(risk_position)s\n",
        "AND epoch = %(epoch)s\n",
    ),
)
