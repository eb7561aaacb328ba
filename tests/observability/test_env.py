from __future__ import annotations

import pytest

from observability.env import (
    SettingError,
    env_bool,
    env_database,
    env_int,
    env_list,
    env_secret,
    env_url,
    parse_database_url,
)


@pytest.mark.parametrize(("text", "value"), [("1", True), ("Yes", True), ("off", False), ("", True)])
def test_a_switch_reads_the_usual_words(monkeypatch, text, value):
    monkeypatch.setenv("SWITCH", text)
    assert env_bool("SWITCH", default=True) is value


@pytest.mark.parametrize(
    ("text", "read", "sentence"),
    [
        ("maybe", lambda: env_bool("NAME", default=True), "found 'maybe', expected true or false."),
        (
            "99999",
            lambda: env_int("NAME", default=1, low=1, high=65535),
            "found '99999', expected a whole number from 1 to 65535.",
        ),
        (
            "ftp://x",
            lambda: env_url("NAME", schemes=("http", "https")),
            "found 'ftp://x', expected an address starting with http:// or https://.",
        ),
        ("short", lambda: env_secret("NAME", shortest=32), "found 5 characters, expected at least 32."),
        ("", lambda: env_secret("NAME"), "found nothing, expected a secret, or a file that holds it in NAME_FILE."),
        (
            "mysql://u:p@h/d",
            lambda: env_database("NAME"),
            "found 'mysql://.../d', expected postgresql://user:password@host:port/name.",
        ),
    ],
)
def test_a_malformed_setting_stops_the_start_with_a_sentence(monkeypatch, text, read, sentence):
    monkeypatch.setenv("NAME", text)
    with pytest.raises(SettingError) as stop:
        read()
    assert str(stop.value) == f"Setting NAME: {sentence}"


def test_a_secret_may_come_from_a_file(monkeypatch, tmp_path):
    (tmp_path / "key").write_text("from-a-file\n")
    monkeypatch.setenv("KEY_FILE", str(tmp_path / "key"))
    assert env_secret("KEY") == "from-a-file"


def test_an_unreadable_secret_file_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("KEY_FILE", str(tmp_path / "absent"))
    with pytest.raises(SettingError, match=r"KEY_FILE: found '.*absent' \(No such file or directory\)"):
        env_secret("KEY")


def test_a_list_is_split_at_commas(monkeypatch):
    monkeypatch.setenv("HOSTS", "a.example, b.example,")
    assert env_list("HOSTS", default=()) == ["a.example", "b.example"]


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("postgresql://u:p%40ss@db.example:6432/tail", "db.example", "6432"),
        ("postgresql://u:p%40ss@/tail?host=/run/socket&port=5433", "/run/socket", "5433"),
    ],
)
def test_a_database_address_may_name_a_host_or_a_socket_folder(monkeypatch, url, host, port):
    monkeypatch.setenv("DATABASE_URL", url)
    entry = env_database("DATABASE_URL")
    assert (entry["NAME"], entry["USER"], entry["PASSWORD"], entry["HOST"], entry["PORT"]) == (
        "tail",
        "u",
        "p@ss",
        host,
        port,
    )


@pytest.mark.parametrize(
    ("url", "host", "port", "options"),
    [
        (
            "postgresql://u@one:6432,two/tail?sslmode=require",
            "one,two",
            "6432,",
            {"target_session_attrs": "read-write", "connect_timeout": "5", "sslmode": "require"},
        ),
        (
            "postgresql://u@/tail?host=/run/one,/run/two&target_session_attrs=any",
            "/run/one,/run/two",
            "",
            {"target_session_attrs": "any", "connect_timeout": "5"},
        ),
        ("postgresql://u@one/tail?sslmode=verify-full", "one", "", {"sslmode": "verify-full"}),
    ],
)
def test_a_database_address_may_name_a_primary_and_its_standbys(url, host, port, options):
    entry = parse_database_url("DATABASE_URL", url)
    assert (entry["HOST"], entry["PORT"], entry["OPTIONS"]) == (host, port, options)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgresql://u:secret@h:x/d", "found a malformed port, expected a whole number after the host."),
        (
            "postgresql://u:secret@h/d?nonsense=1",
            "found an address that libpq cannot read, expected postgresql://user:password@host:port/name.",
        ),
    ],
)
def test_a_malformed_database_address_is_refused_without_its_password(url, sentence):
    with pytest.raises(SettingError) as stop:
        parse_database_url("DATABASE_URL", url)
    assert str(stop.value) == f"Setting DATABASE_URL: {sentence}"
