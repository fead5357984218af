"""maint config, maint secret and maint plugins"""

import tomllib
from pathlib import Path

from tests.parts.inside import Inside


def test_init_writes_a_file_that_changes_nothing(inside: Inside) -> None:
    """Commented out throughout; with it in place everything is as without."""
    before = inside("config", "show", "--json").json["settings"]
    assert inside("config", "init").out == "Wrote maint.toml.\n"
    text = (inside.folder / "maint.toml").read_text()
    assert "[jobs.cleanup-sessions]" in text
    assert tomllib.loads(text) == {}
    assert inside("config", "show", "--json").json["settings"] == before


def test_init_never_overwrites_unless_forced(inside: Inside) -> None:
    """The file is left as it was, exit code 2; --force replaces it, whole."""
    file = inside.folder / "maint.toml"
    file.write_text("max-concurrent-jobs = 3\n")
    result = inside("config", "init")
    assert result.code == 2
    assert "--force" in result.err
    assert file.read_text() == "max-concurrent-jobs = 3\n"
    assert inside("config", "init", "--force").code == 0
    assert "max-concurrent-jobs = 3" not in file.read_text()
    assert [path.name for path in inside.folder.iterdir()] == ["maint.toml"]


def test_init_where_it_is_told_to(inside: Inside, tmp_path: Path) -> None:
    """--config names the file; a folder that is not there is one sentence."""
    path = tmp_path / "with space.toml"
    assert inside("config", "init", "--config", str(path), "--json").json == {"path": str(path)}
    assert path.exists()
    result = inside("config", "init", "--config", str(tmp_path / "no" / "maint.toml"))
    assert result.code == 78
    assert "cannot be written" in result.err


def test_show_names_every_origin_and_masks_secrets(inside: Inside) -> None:
    """Default, file, variable; the database URL never appears."""
    (inside.folder / "maint.toml").write_text("[jobs.cleanup-sessions]\nshare = 80\n")
    env = {"DATABASE_URL": "postgresql://u:canary@h/d", "MAINT_CLEANUP_SESSIONS_STALE_AFTER": "5m"}
    result = inside("config", "show", "--json", env=env)
    found = {(s["section"], s["key"]): (s["value"], s["origin"]) for s in result.json["settings"]}
    assert found["database", "url"] == ("***", "environment DATABASE_URL")
    assert found["jobs.cleanup-sessions", "share"] == (
        "80",
        "maint.toml [jobs.cleanup-sessions] share",
    )
    assert found["jobs.cleanup-sessions", "stale-after"] == (
        "5m",
        "environment MAINT_CLEANUP_SESSIONS_STALE_AFTER",
    )
    assert found["jobs.cleanup-sessions", "batch-target"][1] == "default"
    assert "canary" not in result.out + result.err + inside("config", "show", env=env).out


def test_show_needs_no_database_and_refuses_what_is_wrong(inside: Inside) -> None:
    """It connects to nothing; an unknown key is 78."""
    inside.env = {}
    assert inside("config", "show").code == 0
    (inside.folder / "maint.toml").write_text("[jobs.cleanup-sessions]\nshair = 80\n")
    result = inside("config", "show")
    assert result.code == 78
    assert "did you mean share?" in result.err


def test_variables_name_the_files_and_the_database(inside: Inside) -> None:
    """MAINT_CONFIG, MAINT_ENV_FILE and MAINT_DATABASE stand in for their flags."""
    url = inside.env["DATABASE_URL"]
    (inside.folder / "other.toml").write_text(f'[databases.second]\nurl = "{url}"\n')
    (inside.folder / "other.env").write_text("MAINT_DATABASE=second\n")
    inside.env = {"MAINT_CONFIG": "other.toml", "MAINT_ENV_FILE": "other.env"}
    assert inside("status").code == 0
    assert inside("cleanup-sessions", "-q").code == 0
    result = inside("status", "--database", "secnd")
    assert result.code == 78
    assert "did you mean second?" in result.err
    assert "blank" in inside("status", env={"MAINT_ENV_FILE": ""}).err


def test_a_secret_is_32_random_bytes(inside: Inside) -> None:
    """In hex, another each time."""
    one, two = inside("secret").out.strip(), inside("secret", "--json").json["secret"]
    assert len(bytes.fromhex(one)) == len(bytes.fromhex(two)) == 32
    assert one != two


def test_no_plugins_is_a_sentence(inside: Inside) -> None:
    """And an empty list in JSON, or whatever this environment has installed."""
    found = inside("plugins", "--json").json["plugins"]
    assert all(plugin.keys() == {"job", "package", "target", "listed"} for plugin in found)
    assert inside("plugins").code == 0
