"""What an offer says: in which locale, and with whose attributes."""

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.core.content import MAX_VALUE, check_text, filled, in_locale
from functions.core.errors import CampaignError
from functions.core.model import Attribute, Content

PLACE = ("content", "first", "en", "title")
HELLO = 'Hello {{ first_name | default: "there" }}!'


def content(title: str = "Title", **more: Any) -> Content:
    return Content(**{"locale": "en", "title": title, "body": "Body", "approve": "Yes"} | more)


def said(text: str, **values: Any) -> str:
    attributes = {name: Attribute(value, 0) for name, value in values.items()}
    return filled(content(text), attributes).title


LOCALES = {
    tag.lower(): Content(locale=tag, title=tag, body="", approve="")
    for tag in ("en", "zh", "zh-Hant", "pt-BR", "de-DE-u-co-phonebk", "de")
}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("zh-Hant-TW", "zh-Hant"),
        ("zh_Hant_TW", "zh-Hant"),
        ("ZH-HANT", "zh-Hant"),
        ("zh-Hans-CN", "zh"),
        ("zh-TW", "zh"),
        ("zh-Hant-x-zh-pinyin", "zh-Hant"),
        ("pt-BR", "pt-BR"),
        ("pt-PT", "en"),
        ("pt", "en"),
        ("de-DE-u-co-phonebk", "de-DE-u-co-phonebk"),
        ("de-DE-u-co", "de"),
        ("en-GB", "en"),
        ("fr", "en"),
        ("x-zh", "en"),
        ("-", "en"),
        ("", "en"),
        (None, "en"),
    ],
)
def test_the_locale_is_the_closest_more_general_one_else_the_default(
    wanted: str | None, found: str
) -> None:
    assert in_locale(LOCALES, wanted, "en").locale == found


def test_a_single_letter_goes_together_with_what_follows_it() -> None:
    odd = {**LOCALES, "de-u": content()}

    assert in_locale(odd, "de-u-co", "en").locale == "de"


def test_the_default_locale_may_be_spelt_as_people_spell_it() -> None:
    assert in_locale(LOCALES, "fr", "pt-BR").locale == "pt-BR"


@given(st.text(string.ascii_letters + string.digits + "-_", max_size=64))
def test_whatever_a_phone_calls_its_locale_some_content_is_found(wanted: str) -> None:
    assert in_locale(LOCALES, wanted, "en") in LOCALES.values()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Plain, with { one } brace and 100%",
        HELLO,
        "{{ first_name | default: 'there' }}",
        '{{first_name|default:"there"}}',
        '{{  plan-2  |  default:  ""  }}',
        """{{ name | default: "you're in" }}""",
        '{{ a | default: "x" }}{{ b | default: "y" }}',
        "{{\n  first_name\n  | default: 'there'\n}}",
    ],
)
def test_plain_text_and_placeholders_with_a_default_are_taken(text: str) -> None:
    check_text(text, PLACE)


@pytest.mark.parametrize(
    "text",
    [
        "{{ first_name }}",
        "{{first_name",
        "first_name }}",
        "{{}}",
        '{{ first_name | default: "there"',
        "{{ first_name | default: there }}",
        "{{ first_name | default: \"there' }}",
        '{{ first_name | default: "a" b" }}',
        '{{ first_name | default "there" }}',
        '{{ first_name | upcase | default: "there" }}',
        '{{ first_name | default: "there" | upcase }}',
        '{{ user.first_name | default: "there" }}',
        '{{ 1st | default: "there" }}',
        '{{ "first_name" | default: "there" }}',
        '{{{ first_name | default: "there" }}}',
        '{{ first_name | default: "}}" }}',
        "{{ a | default: \"{{ b | default: 'c' }}\" }}",
        "{% if first_name %}",
        "{%- comment -%}",
        '{{ a | default: "x" }} and {{ b }}',
        '{{{ a | default: "x" }} {',
    ],
)
def test_any_other_use_of_the_marks_is_refused_with_the_right_form(text: str) -> None:
    with pytest.raises(CampaignError, match=r"^content\.first\.en\.title: ") as refused:
        check_text(text, PLACE)

    assert '{{ first_name | default: "there" }}' in refused.value.problem


def test_what_surrounds_a_placeholder_does_not_close_into_a_mark() -> None:
    check_text('{ {{ a | default: "x" }} {', PLACE)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Ada", "Hello Ada!"),
        (7, "Hello 7!"),
        (0, "Hello 0!"),
        (-3, "Hello -3!"),
        (2.5, "Hello 2.5!"),
        (3.0, "Hello 3.0!"),
        ("0", "Hello 0!"),
        ("a" * MAX_VALUE, f"Hello {'a' * MAX_VALUE}!"),
    ],
)
def test_a_text_or_a_number_is_placed(value: Any, text: str) -> None:
    assert said(HELLO, first_name=value) == text


@pytest.mark.parametrize(
    "value", ["", " ", "\n", True, False, None, ["Ada"], {"a": 1}, "a" * (MAX_VALUE + 1)]
)
def test_any_other_value_reads_as_the_default(value: Any) -> None:
    assert said(HELLO, first_name=value) == "Hello there!"


def test_an_attribute_that_was_never_set_reads_as_the_default() -> None:
    assert said(HELLO) == "Hello there!"
    assert said(HELLO, First_Name="Ada") == "Hello there!"


def test_without_proof_of_who_asks_no_attribute_is_placed() -> None:
    asked = content(HELLO, body=HELLO, approve=HELLO, decline=HELLO)

    answered = filled(asked, None)

    said = "Hello there!"
    assert answered == content(said, body=said, approve=said, decline=said)


@pytest.mark.parametrize("part", ["title", "body", "approve", "decline"])
def test_every_text_of_the_popup_is_filled(part: str) -> None:
    asked = content(**{part: HELLO})

    answered = filled(asked, {"first_name": Attribute("Ada", 0)})

    assert answered == content(**{part: "Hello Ada!"})


def test_a_popup_without_a_decline_stays_without_one() -> None:
    assert filled(content(), {}).decline is None


@pytest.mark.parametrize(
    "value", [HELLO, "{{", "}}", r"\1 \g<name>", '{{ other | default: "" }}', "<b>", "%s"]
)
def test_a_value_is_placed_as_text_and_never_interpreted(value: str) -> None:
    assert said(HELLO, first_name=value, other="s") == f"Hello {value}!"


def test_a_value_does_not_join_the_next_placeholder() -> None:
    text = '{{ a | default: "x" }}{{ b | default: "y" }}'

    assert said(text, a="{{ b |", b="B") == "{{ b |B"


def test_an_empty_default_leaves_nothing() -> None:
    assert said("Hello{{ first_name | default: '' }}!") == "Hello!"


def test_extras_are_sent_as_they_stand() -> None:
    extras = {"image": "https://example.com/{{ first_name }}", "layout": {"title": HELLO}}

    assert filled(content(extras=extras), {"first_name": Attribute("Ada", 0)}).extras == extras


@given(st.lists(st.sampled_from(["{", "}", "%", '{{ a | default: "" }}', "x"]), max_size=8))
def test_a_text_that_is_taken_has_no_marks_left_once_it_is_filled(parts: list[str]) -> None:
    text = "".join(parts)
    try:
        check_text(text, PLACE)
    except CampaignError:
        return
    title = filled(content(text), None).title

    assert not any(mark in title for mark in ("{{", "}}", "{%"))
