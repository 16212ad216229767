"""Trouble on order: each kind at least once, and the same for the same seed."""

import pytest

from benchmarks.main_job.options import FAULTS, PROCESSES, OptionsRefused, read_options
from benchmarks.main_job.trouble import kills, windows


@pytest.mark.parametrize("seed", range(20))
def test_each_process_is_killed_at_least_once_while_rows_are_played(seed: int) -> None:
    planned = kills(PROCESSES, seed=seed, seconds=100)

    assert {each.process for each in planned if not each.is_child} == set(PROCESSES)
    assert all(0 < each.at < 100 for each in planned)
    assert planned == sorted(planned, key=lambda each: each.at)
    assert planned == kills(PROCESSES, seed=seed, seconds=100)


def test_nobody_is_killed_where_nobody_is_named() -> None:
    assert kills((), seed=1, seconds=1000) == []


@pytest.mark.parametrize("seed", range(20))
def test_each_fault_is_on_at_least_once_and_a_bank_has_one_status(seed: int) -> None:
    planned = windows(FAULTS, seed=str(seed), seconds=100)

    assert {name for each in planned for name in each.names} == set(FAULTS)
    assert not [each for each in planned if {"429", "500"} <= set(each.names)]
    assert planned == windows(FAULTS, seed=str(seed), seconds=100)


def test_all_names_all() -> None:
    options = read_options({"KILL": "all", "FAULTS": "silent, 429"})

    assert (options.kill, options.faults) == (PROCESSES, ("429", "silent"))


@pytest.mark.parametrize(
    "environ",
    [
        {"CSV": "/nowhere.csv"},
        {"ROWS": "-1"},
        {"RATE": "1"},
        {"CUSTOMERS": "many"},
        {"KILL": "everybody"},
        {"FAULTS": "rain"},
        {"TAMPER": "burn"},
    ],
)
def test_what_there_is_not_is_refused(environ: dict[str, str]) -> None:
    with pytest.raises(OptionsRefused):
        read_options(environ)
