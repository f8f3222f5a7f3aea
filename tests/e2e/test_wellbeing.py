"""The doctor's step says what the doctor may, and expects of it what the doctor can say."""

import ast
import re
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

from cli.doctor import stack
from cli.doctor.checks import CHECKS
from cli.doctor.verdicts import Verdict
from tests.e2e.gaps import UNWELL
from tests.e2e.steps.wellbeing import READS

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
OTHERWISE = {"s3:ListObjectsV2": "s3:ListBucket"}
"""Where the action that IAM asks for has another name than the call."""


def asked() -> set[str]:
    """The calls in the doctor's code, as IAM names them."""
    code = ast.parse(Path(stack.__file__).read_text("utf-8"))
    names = {each.attr for each in ast.walk(code) if isinstance(each, ast.Attribute)}
    texts = {each.value for each in ast.walk(code) if isinstance(each, ast.Constant)}
    session = botocore.session.get_session()
    services = {right.partition(":")[0] for right in READS}
    return {
        OTHERWISE.get(f"{service}:{operation}", f"{service}:{operation}")
        for service in services & texts
        for operation in session.get_service_model(service).operation_names
        if xform_name(operation) in names | texts
    }


def test_the_page_names_what_the_doctor_asks_of_the_account() -> None:
    paragraph = re.search(r"^`not checked` is never.*?\n\n", PAGE.read_text("utf-8"), re.M | re.S)
    assert paragraph
    named: set[str] = set()
    service = ""
    for words in re.findall(r"`([^` ]+)`", paragraph[0]):
        before, colon, name = words.rpartition(":")
        service = before if colon else service
        if service:
            named.add(f"{service}:{name}")
    assert named - {"execute-api:Invoke"} == set(READS)


def test_it_may_read_what_the_doctor_asks_for_and_no_more() -> None:
    assert asked() == set(READS)


@pytest.mark.parametrize("check", UNWELL)
def test_what_the_emulator_lacks_is_a_check_s_word(check: str) -> None:
    assert check in {each.name for each in CHECKS}
    assert UNWELL[check] in set(Verdict) - {Verdict.OK}
