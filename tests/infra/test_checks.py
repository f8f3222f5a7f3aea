"""cdk-nag on every template, and how findings of any tool are compared with our answers.

cfn-lint, checkov and pip-audit have an environment of their own: `make checks` runs all.
"""

import json
from pathlib import Path

import msgspec
import pytest

from infra.stages import Stage, read_stage
from tests.checks import tools
from tests.checks.acknowledged import EVERY, NAG
from tests.checks.findings import Acknowledged, Finding, Ran, judge, rows
from tests.checks.templates import Deployable, deployables, nag, paths, templates

# `infra` comes first: it chooses the Node that `aws_cdk` starts when it is imported.
import aws_cdk as cdk  # isort: skip
from aws_cdk import aws_sqs as sqs  # isort: skip

pytestmark = pytest.mark.xdist_group("template")

ALWAYS = {"name", "log_retention", "log_level", "throttle_rate", "throttle_burst", "auth"}
"""Settings that every stage has, whatever their value; and the emulator's."""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[Ran]:
    """What cdk-nag says of everything that can be deployed."""
    out = tmp_path_factory.mktemp("nag")
    return [nag(name, each, out / name) for name, each in deployables().items()]


class TestNag:
    def test_every_finding_is_answered_and_every_answer_is_needed(self, said: list[Ran]) -> None:
        verdict = judge(said, NAG)
        assert verdict.open == ()
        assert verdict.unneeded == ()

    def test_both_packs_look_at_every_template(self, said: list[Ran]) -> None:
        for ran in said:
            packs = {finding.rule.partition("-")[0] for finding in ran.findings}
            expected = {"AwsSolutions"} if "edge" in ran.target else {"AwsSolutions", "Serverless"}
            assert packs == expected

    def test_a_new_finding_is_open(self, tmp_path: Path) -> None:
        def leaky(app: cdk.App) -> None:
            sqs.Queue(cdk.Stack(app, "any"), "Leaky")

        ran = nag("dev", Deployable(leaky, {}), tmp_path)
        rules = {finding.rule for finding in judge([ran], EVERY).open}
        assert {"AwsSolutions-SQS4", "Serverless-SQSRedrivePolicy"} <= rules

    def test_every_option_is_on_where_the_table_says_so(self) -> None:
        stage = read_stage(deployables()["every-option"].context)
        plain = Stage(name="prod")
        left = {
            field.name
            for field in msgspec.structs.fields(Stage)
            if getattr(stage, field.name) == getattr(plain, field.name)
        }
        assert left - ALWAYS == {"keep_data", "architecture"}


FOUND = Finding(check="nag", target="dev", rule="R1", place="softask-dev/Softask/Track/Function")


class TestAnswers:
    @pytest.mark.parametrize(
        "place", [FOUND.place, "*/Function", "dev:*/Track/Function", "softask-*/Track/*"]
    )
    def test_an_answer_covers_a_finding_of_its_rule_at_its_place(self, place: str) -> None:
        ran = [Ran(check="nag", target="dev", findings=(FOUND,))]
        assert judge(ran, [Acknowledged("R1", place, "so it is")]).passed

    @pytest.mark.parametrize(
        ("rule", "place"), [("R2", "*"), ("R1", "*/Admin/Function"), ("R1", "prod:*"), ("R", "*")]
    )
    def test_any_other_leaves_it_open_and_is_not_needed(self, rule: str, place: str) -> None:
        answer = Acknowledged(rule, place, "so it is")
        verdict = judge([Ran(check="nag", target="dev", findings=(FOUND,))], [answer])
        assert (verdict.open, verdict.unneeded) == ((FOUND,), (answer,))
        assert not verdict.passed

    def test_a_star_in_brackets_is_a_star(self) -> None:
        answer = Acknowledged("R1", "*/Role Resource::[*]", "X-Ray")
        for detail, covered in (("Resource::*", True), ("Resource::arn:aws:s3:::any", False)):
            place = f"softask-dev/Softask/Track/Role {detail}"
            finding = Finding(check="nag", target="dev", rule="R1", place=place)
            assert answer.covers(finding) is covered

    def test_the_table_counts_what_was_found_answered_and_left(self) -> None:
        other = Finding(check="nag", target="dev", rule="R2", place="any")
        ran = [
            Ran(check="nag", target="dev", findings=(FOUND, other)),
            Ran(check="audit", target="lock", skipped="no answer"),
        ]
        assert list(rows(ran, [Acknowledged("R1", "*", "so it is")])) == [
            ("nag", "dev", "2", "1", "1"),
            ("audit", "lock", "skipped", "", "skipped: no answer"),
        ]

    def test_no_answer_is_without_a_reason(self) -> None:
        assert all(answer.reason for answer in EVERY)


class TestTools:
    def test_a_construct_is_named_by_its_path_in_every_tool(self, tmp_path: Path) -> None:
        nag("dev", deployables()["dev"], tmp_path)
        (template,) = templates(tmp_path)
        assert "softask-dev/Softask/Track/Function" in paths(template).values()

    def test_a_template_that_checkov_did_not_read_is_no_pass(self) -> None:
        read, other = Path("/any/read.json"), Path("/any/other.json")
        passed = {"passed_checks": [{"file_abs_path": str(read)}], "failed_checks": []}
        assert tools.failed({"results": passed}, {read: "dev"}) == {}
        with pytest.raises(tools.ToolError, match=r"other\.json"):
            tools.failed({"results": passed}, {read: "dev", other: "prod"})
        with pytest.raises(tools.ToolError, match=r"read\.json"):
            tools.failed({"passed": 0, "failed": 0}, {read: "dev"})

    def test_a_service_that_knows_no_package_has_audited_nothing(self) -> None:
        unknown = {"name": "msgspec", "skip_reason": "not found"}
        ran = tools.audited("runtime.txt", json.dumps({"dependencies": [unknown]}), "")
        assert ran.skipped == "knows none of 1 packages"

    def test_a_vulnerability_and_an_unknown_package_are_findings(self) -> None:
        dependencies = [
            {"name": "known", "version": "1.0", "vulns": []},
            {"name": "bad", "version": "2.0", "vulns": [{"id": "PYSEC-1"}]},
            {"name": "odd", "skip_reason": "not found"},
        ]
        ran = tools.audited("runtime.txt", json.dumps({"dependencies": dependencies}), "")
        assert not ran.skipped
        assert {(each.rule, each.place) for each in ran.findings} == {
            ("PYSEC-1", "bad 2.0"),
            ("unknown", "odd"),
        }

    def test_only_the_network_s_fault_skips_an_audit(self) -> None:
        away = "requests.exceptions.ConnectionError: Max retries exceeded"
        assert tools.audited("runtime.txt", "", away).skipped == "no answer"
        with pytest.raises(tools.ToolError, match="invalid requirements"):
            tools.audited("runtime.txt", "", "ERROR: invalid requirements input")

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ("run(x)  # noqa: S603 - our own command", "our own command"),
            ("run(x)  # noqa: PLW1510, S603 (our own)", "our own)"),
            ("run(x)  # noqa: S603", ""),
            ("run(x)  # noqa: S607 - found by its name", ""),
            ("run(x)", ""),
        ],
    )
    def test_a_noqa_is_an_answer_with_its_reason_only(self, line: str, reason: str) -> None:
        assert tools.reason_beside(line, "S603") == reason
