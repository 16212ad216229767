"""What is served over an upgrade: the code before it goes on writing, and names no column that came since."""

from django.apps import apps
from django.db import models
from django.db.migrations import AddField
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

# docs/running.md, "Upgrading": what came before stops `web`.
SERVED_SINCE = "0033"


def must_be_given(field: models.Field) -> bool:  # type: ignore[type-arg]
    return not field.null and not field.has_db_default() and not field.generated


def test_a_column_that_came_to_a_table_need_not_be_given() -> None:
    found = {
        f"{name}: {each.model_name}.{each.name}"
        for (app, name), migration in MigrationLoader(None).disk_migrations.items()
        if app == "partners" and name >= SERVED_SINCE
        for each in migration.operations
        if isinstance(each, AddField) and must_be_given(each.field)
    }

    assert found == set()


def test_the_migrations_say_what_the_models_do() -> None:
    loader = MigrationLoader(None)
    ours = ProjectState.from_apps(apps)

    assert MigrationAutodetector(loader.project_state(), ours).changes(graph=loader.graph) == {}
