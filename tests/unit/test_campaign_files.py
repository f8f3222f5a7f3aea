"""Campaign files as operators write them: YAML in, errors with file, line and place."""

from pathlib import Path

import msgspec
import pytest

from cli.campaigns import (
    CampaignFileError,
    campaign_schema,
    compile_folder,
    read_campaign,
    read_package,
    read_settings,
)
from functions.core.campaign import Package
from functions.core.compiling import compile_package

SHIPPED = Path(__file__).parents[2] / "campaigns"
SOFTASK = (SHIPPED / "push-softask.yaml").read_text()
SETTINGS = (SHIPPED / "settings.yaml").read_text()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped campaigns."""
    (tmp_path / "push-softask.yaml").write_text(SOFTASK)
    (tmp_path / "settings.yaml").write_text(SETTINGS)
    return tmp_path


def changed(folder: Path, before: str, after: str, *, file: str = "push-softask.yaml") -> Path:
    """One file of the folder with another text in place of the one that it has there."""
    path = folder / file
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))
    return path


def line_of(path: Path, text: str) -> int:
    lines = path.read_text().splitlines()
    return next(number for number, line in enumerate(lines, start=1) if text in line)


def refusal(folder: Path) -> str:
    with pytest.raises(CampaignFileError) as refused:
        read_package(folder)
    return str(refused.value)


def test_the_shipped_folder_is_read() -> None:
    package = read_package(SHIPPED)

    assert [campaign.id for campaign in package.campaigns] == ["push-softask"]
    assert package.settings.deeplinks.schemes == ("yourapp",)


def test_the_compiled_json_is_the_package() -> None:
    compiled = compile_folder(SHIPPED)

    package = msgspec.json.decode(compiled, type=Package)

    assert package == read_package(SHIPPED)
    assert compile_package(package).by_id["push-softask"].version == 0
    assert compiled.startswith(b"{\n")


@pytest.mark.parametrize(
    ("before", "after", "at", "place", "problem"),
    [
        ("trigger:", "triger:", "triger:", "triger", "did you mean 'trigger'?"),
        ("is: unknown", "iss: unknown", "iss:", "audience.all[0].iss", "did you mean 'is'?"),
        ("is: unknown", "is: unknwn", "unknwn", "audience.all[0].is", "this says 'unknwn'"),
        ("status: active", "status: actve", "actve", "status", "did you mean 'active'?"),
        ("lease: 10m", "lease: ten", "lease: ten", "offer.lease", "write it as in '14d'"),
        ("title: Keep", "titel: Keep", "titel", "content.retry.en.titel", "did you mean 'title'?"),
        ("content: retry", "content: rety", "rety", "attempts[1].content", "mean 'retry'?"),
        ("at_least: 1", "at_least: 0", "at_least", "attempts[1].since.at_least", ">= 1"),
        ("yourapp:", "javascript:", "deeplink", "action.deeplink", "'javascript' is never allowed"),
        ("wait: 14d, ", "", "content: retry", "attempts[1]", "add a wait"),
        ("id: push-softask", "id: [push]", "id:", "id", "write text, not a list"),
    ],
)
def test_an_error_names_file_line_and_place(
    folder: Path, before: str, after: str, at: str, place: str, problem: str
) -> None:
    path = changed(folder, before, after)

    said = refusal(folder)

    assert said.startswith(f"{path}:{line_of(path, at)}: {place}: ")
    assert problem in said


def test_what_the_file_leaves_out_is_reported_at_what_surrounds_it(folder: Path) -> None:
    """The clashing name is a default: the line is that of the map it would stand in."""
    path = changed(folder, "offer:", "outcomes:\n  shown: PushSoftAskApproved\noffer:")

    said = refusal(folder)

    line = line_of(path, "outcomes:")
    assert said.startswith(f"{path}:{line}: outcomes.approved: event 'PushSoftAskApproved'")


def test_an_error_of_the_whole_file_is_on_its_first_line(folder: Path) -> None:
    path = changed(folder, "status: active\n", "")

    assert refusal(folder) == f"{path}:1: add status, which must be said"


def test_an_empty_file_is_refused(folder: Path) -> None:
    path = folder / "push-softask.yaml"
    path.write_text("")

    assert refusal(folder) == f"{path}:1: write a map, not nothing"


def test_settings_name_their_place_too(folder: Path) -> None:
    path = changed(folder, "retention:", "retension:", file="settings.yaml")

    said = refusal(folder)

    line = line_of(path, "retension")
    assert said == f"{path}:{line}: retension: unknown key; did you mean 'retention'?"


@pytest.mark.parametrize("word", ["no", "off", "on", "yes", "y", "True", "2026-11-21"])
def test_words_that_yaml_1_1_would_turn_into_something_else_stay_text(
    folder: Path, word: str
) -> None:
    path = changed(folder, "title: Get daily streak reminders?", f"title: {word}")

    campaign = read_campaign(path, read_settings(folder / "settings.yaml"))

    assert campaign.content["first"]["en"].title == word


@pytest.mark.parametrize(("word", "paused"), [("true", True), ("false", False)])
def test_true_and_false_are_booleans(folder: Path, word: str, paused: bool) -> None:
    changed(folder, "paused: false", f"paused: {word}", file="settings.yaml")

    assert read_package(folder).settings.paused is paused


def test_on_is_no_boolean(folder: Path) -> None:
    path = changed(folder, "paused: false", "paused: on", file="settings.yaml")

    line = line_of(path, "paused: on")
    assert refusal(folder) == f"{path}:{line}: paused: write true or false, not text"


@pytest.mark.parametrize(
    ("after", "at", "problem"),
    [
        ("status: active\nstatus: paused", "status: paused", "key 'status' stands twice"),
        ("status: active\nrollout:", "rollout:", "key 'rollout' says nothing; fill it in or leave"),
        ("? [a, b]\n: c", "? [a, b]", "a key must be plain text"),
        ("? {a: b}\n: c", "? {a: b}", "a key must be plain text"),
        ("\tstatus: active", "\tstatus", "found character '\\t' that cannot start any token"),
        ("status: *nowhere", "status:", "found undefined alias 'nowhere'"),
        ("status: active\n---\n", "---", "but found another document"),
        ("status: !!python/object:os.system x", "status:", "could not determine a constructor"),
    ],
)
def test_broken_yaml_names_its_line(folder: Path, after: str, at: str, problem: str) -> None:
    path = changed(folder, "status: active", after)

    said = refusal(folder)

    assert said.startswith(f"{path}:{line_of(path, at)}: ")
    assert problem in said


def test_a_nested_key_that_stands_twice_is_refused(folder: Path) -> None:
    path = changed(folder, "lease: 10m", "lease: 10m, lease: 20m")

    assert refusal(folder) == f"{path}:{line_of(path, '20m')}: key 'lease' stands twice"


def test_anchors_may_share_copy(folder: Path) -> None:
    changed(folder, "first:\n    en:", "first:\n    en: &copy")
    path = folder / "push-softask.yaml"
    head, _, _ = path.read_text().partition("  retry:\n")
    path.write_text(f"{head}  retry:\n    en: *copy\n")

    content = read_package(folder).campaigns[0].content

    assert content["retry"] == content["first"]


def test_a_control_character_is_refused(folder: Path) -> None:
    path = changed(folder, "status: active", "status: \x00active")

    assert refusal(folder).startswith(f"{path}: ")


def test_text_that_is_not_utf_8_is_refused(folder: Path) -> None:
    path = folder / "push-softask.yaml"
    path.write_bytes(SOFTASK.encode("utf-16"))

    assert refusal(folder) == f"{path}: not UTF-8 text"


def test_a_byte_order_mark_is_skipped(folder: Path) -> None:
    path = folder / "push-softask.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + SOFTASK[SOFTASK.index("id:") :].encode())

    assert read_package(folder).campaigns[0].id == "push-softask"


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "settings.yaml").unlink()

    assert refusal(folder) == f"{folder / 'settings.yaml'}: No such file or directory"


def test_two_campaigns_with_one_id_are_refused(folder: Path) -> None:
    first, second = folder / "push-softask.yaml", folder / "second.yaml"
    second.write_text(SOFTASK)

    assert refusal(folder) == f"{second}:1: id: 'push-softask' is also the id of {first}"


def test_the_published_schema_is_the_one_of_the_code() -> None:
    published = Path(__file__).parents[2] / "docs" / "campaign.schema.json"
    assert published.read_bytes() == campaign_schema(), "softask schema > docs/campaign.schema.json"


def test_editors_get_a_schema_of_the_file() -> None:
    schema = msgspec.json.decode(campaign_schema())

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    properties = schema["$defs"]["CampaignFile"]["properties"]
    assert properties["status"]["enum"] == ["active", "draft", "ended", "paused"]
    assert properties["status"]["description"]


def test_several_campaigns_are_read_in_the_order_of_their_names(folder: Path) -> None:
    (folder / "another.yaml").write_text(SOFTASK.replace("id: push-softask", "id: another"))

    assert [each.id for each in read_package(folder).campaigns] == ["another", "push-softask"]
