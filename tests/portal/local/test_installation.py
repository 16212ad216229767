import stat
from pathlib import Path

import pytest

from portal.local import installation as installed
from portal.local.installation import Installation, Ports, load_secrets
from portal.local.problems import CannotStart
from portal.local.state import State


def test_secrets_are_generated_once(state: State) -> None:
    first = load_secrets(state)

    second = load_secrets(state)

    assert second == first
    assert stat.S_IMODE((state.folder / "secrets.json").stat().st_mode) == 0o600
    assert len(set(first.passwords.values())) == len(first.passwords)


def test_lost_secrets_beside_a_database_are_refused(state: State) -> None:
    (state.servers / "postgres" / "data").mkdir(parents=True)

    with pytest.raises(CannotStart, match="missing or damaged"):
        load_secrets(state)


def test_the_env_file_reads_back_and_is_private(state: State) -> None:
    values = installed.environment(Installation(state, load_secrets(state), Ports()))

    installed.write_env_file(state.env_file, values)

    assert installed.read_env_file(state.env_file) == values
    assert stat.S_IMODE(state.env_file.stat().st_mode) == 0o600


def test_a_missing_env_file_reads_as_nothing(tmp_path: Path) -> None:
    assert installed.read_env_file(tmp_path / "env") == {}


def test_a_master_key_made_here_says_so(state: State) -> None:
    values = installed.environment(Installation(state, load_secrets(state), Ports()))

    assert values["PORTAL_KEYS"].startswith("dev")


def test_variables_replace_servers() -> None:
    of_banks = ("aurelia-postgres", "northmoor-postgres", "quillon-postgres")
    assert installed.needed_servers({}) == ("postgres", "valkey", *of_banks)
    assert installed.needed_servers({"DATABASE_URL": "x", "VALKEY_URL": "y"}) == of_banks


@pytest.mark.parametrize(("first", "ports"), [(5441, [5441, 5442, 5443]), (0, [0, 0, 0])])
def test_each_bank_has_a_cluster_of_its_own(state: State, first: int, ports: list[int]) -> None:
    here = Installation(state, load_secrets(state), Ports(sandbox_postgres=first))
    clusters = [here.sandbox_postgres(slug) for slug in installed.SANDBOX_SLUGS]

    assert [each.port for each in clusters] == ports
    assert len({each.data for each in clusters}) == len(clusters)
    assert len({here.sandbox_database_url(slug) for slug in installed.SANDBOX_SLUGS}) == 3


@pytest.mark.parametrize(
    ("valkey", "broker"),
    [
        ("redis://:pw@cache.example:6379/0", "redis://:pw@cache.example:6379/1"),
        ("unix://:pw@/run/v.sock?db=0", "redis+socket://:pw@/run/v.sock?virtual_host=1"),
    ],
)
def test_the_broker_follows_a_valkey_of_the_users_own(valkey: str, broker: str) -> None:
    values = installed.overridden(
        {"VALKEY_URL": "a", "CELERY_BROKER_URL": "b"}, {"VALKEY_URL": valkey}
    )

    assert values == {"VALKEY_URL": valkey, "CELERY_BROKER_URL": broker}


def test_a_broker_that_is_named_stays() -> None:
    values = installed.overridden(
        {"CELERY_BROKER_URL": "b"}, {"VALKEY_URL": "redis://h/0", "CELERY_BROKER_URL": "amqp://q/"}
    )

    assert values == {"CELERY_BROKER_URL": "amqp://q/"}


@pytest.mark.parametrize("port", ["80a", "-1", "65536", "8000.5"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(CannotStart, match="PORTAL_PORT must be a port number"):
        Ports.from_environ({"PORTAL_PORT": port})


def test_a_database_of_the_users_own_needs_all_its_roles() -> None:
    with pytest.raises(
        CannotStart, match="DATABASE_OWNER_URL and DATABASE_SYSTEM_URL must be set"
    ):
        installed.check_given({"DATABASE_URL": "postgresql://h/d"})


def test_a_database_that_does_not_answer_is_refused(tmp_path: Path) -> None:
    address = f"postgresql://u@/d?host={tmp_path}"
    given = dict.fromkeys(("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_SYSTEM_URL"), address)

    with pytest.raises(CannotStart, match="does not answer"):
        installed.check_given(given)
