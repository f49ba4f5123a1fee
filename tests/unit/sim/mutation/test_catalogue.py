"""Every mutation still fits the code, so that it is noticed when the code moves away from under it."""

import ast
from pathlib import Path

import pytest

from sim.mutation.catalogue import MUTATIONS, named
from sim.mutation.mutation import ROOT, DriftedError, Mutation, copy_with

A_MUTATION = MUTATIONS[0]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_replaces_text_that_is_there_once_and_leaves_a_module_that_compiles(mutation: Mutation) -> None:
    source = (ROOT / mutation.file).read_text()
    mutated = mutation.mutated(source)
    compile(mutated, mutation.file, "exec")
    assert ast.dump(ast.parse(mutated)) != ast.dump(ast.parse(source))


def test_every_mutation_has_a_name_of_its_own_and_says_whom_it_harms() -> None:
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS)
    assert [mutation.name for mutation in MUTATIONS if not mutation.harm.endswith(".")] == []


def test_there_are_faults_of_the_documentation_of_the_history_and_planted_ones() -> None:
    assert {mutation.origin for mutation in MUTATIONS} == {"reliability", "history", "planted"}
    assert len(MUTATIONS) >= 25


@pytest.mark.parametrize("old", ["no such text", "\n"])
def test_text_that_is_not_there_exactly_once_is_refused(old: str) -> None:
    drifted = Mutation("a name", "Some harm.", A_MUTATION.file, old, "")
    with pytest.raises(DriftedError, match="times instead of once"):
        drifted.mutated((ROOT / drifted.file).read_text())


def test_the_mutation_is_in_the_copy_only(tmp_path: Path) -> None:
    before = (ROOT / A_MUTATION.file).read_text()
    folder = copy_with(A_MUTATION, tmp_path)
    assert (folder / A_MUTATION.file).read_text() == A_MUTATION.mutated(before)
    assert (ROOT / A_MUTATION.file).read_text() == before
    assert (folder / "data" / "contract" / "wire.py").read_text() == (ROOT / "data/contract/wire.py").read_text()


def test_mutations_are_chosen_by_a_part_of_their_name() -> None:
    assert A_MUTATION in named(A_MUTATION.name.upper())
    assert named("no such mutation") == []
