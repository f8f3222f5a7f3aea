"""What is watched, on the synthesised templates: alarms, their topic, the dashboard."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from functions.core.model import FactKind
from functions.core.reason import Reason
from functions.metrics import CAMPAIGN, NAMESPACE, STAGE, Metric, of_decision, of_fact
from infra.stages import ROOT, StageError, project_context, read_stage
from tests.infra.conftest import Deployment, Stack

pytestmark = pytest.mark.xdist_group("template")

ALARM = "AWS::CloudWatch::Alarm"
DASHBOARD = "AWS::CloudWatch::Dashboard"
TOPIC = "AWS::SNS::Topic"
DEAD_LETTERS = "ApproximateNumberOfMessagesVisible"
PUT_ASIDE = "OnFailureDestinationDeliveredEventCount"

FUNCTIONS = ("track", "admin", "sweep", "ledger")
TABLES = ("profiles", "windows", "campaigns", "ledger", "counters")
NAMES = {
    *(f"{name}-{kind}" for name in FUNCTIONS for kind in ("errors", "throttles")),
    *(f"table-{name}-throttled" for name in TABLES),
    "api-errors",
    "api-latency",
    "conflicts",
    "campaigns-not-refreshed",
    "tokens-refused",
    "ledger-lag",
    "ledger-failing",
    "ledger-kept",
    "ledger-lost",
    "sweep-lag",
    "sweep-dead-letters",
}
DOCUMENT = ROOT / "docs" / "monitoring.md"

Json = dict[str, Any]


def alarms(stack: Stack) -> dict[str, Json]:
    """By what follows `softask-<stage>-` in their names."""
    found = [each.properties for each in stack.of(ALARM).values()]
    return {each["AlarmName"].split("-", 2)[2]: each for each in found}


def metrics_of(alarm: Json) -> list[Json]:
    """The metrics that an alarm reads: its own, or those of its expression."""
    if "MetricName" in alarm:
        return [alarm]
    stats = [each["MetricStat"] for each in alarm["Metrics"] if "MetricStat" in each]
    return [{**each["Metric"], "Period": each["Period"]} for each in stats]


def widgets(stack: Stack) -> list[Json]:
    (dashboard,) = stack.of(DASHBOARD).values()
    body = stack.show(dashboard.properties["DashboardBody"])
    found: list[Json] = json.loads(body)["widgets"]
    return found


def lines(stack: Stack) -> Iterator[list[Any]]:
    """Every metric and expression of every graph, as the dashboard spells them."""
    for widget in widgets(stack):
        yield from widget["properties"].get("metrics", ())


def own(stack: Stack) -> set[str]:
    """The names of Softask's own metrics that alarms and dashboard read one by one."""
    in_alarms = {
        metric["MetricName"]
        for alarm in alarms(stack).values()
        for metric in metrics_of(alarm)
        if metric["Namespace"] == NAMESPACE
    }
    return in_alarms | {line[1] for line in lines(stack) if line[0] == NAMESPACE}


def searches(stack: Stack) -> list[str]:
    expressions = [line[0].get("expression", "") for line in lines(stack) if len(line) == 1]
    return [each for each in expressions if each.startswith("SEARCH")]


class TestAlarms:
    def test_all_of_them_are_there_under_the_stage_s_name(self, dev: Stack, prod: Stack) -> None:
        assert set(alarms(prod)) == NAMES
        assert set(alarms(dev)) == NAMES - {"tokens-refused"}

    @pytest.mark.parametrize("name", sorted(NAMES))
    def test_each_says_what_it_means_and_what_to_do_first(self, prod: Stack, name: str) -> None:
        description = alarms(prod)[name]["AlarmDescription"]
        assert ". First: " in description
        assert description.endswith(f"(docs/monitoring.md: {name})")
        assert len(description) <= 1024

    @pytest.mark.parametrize("name", sorted(NAMES))
    def test_each_tells_the_topic_when_it_rings_and_when_it_is_over(
        self, prod: Stack, name: str
    ) -> None:
        alarm = alarms(prod)[name]
        for actions in (alarm["AlarmActions"], alarm["OKActions"]):
            assert [prod.show(action) for action in actions] == ["Monitoring/Topic"]

    def test_they_watch_what_the_stack_has(self, prod: Stack) -> None:
        stack = prod
        watched = {
            (
                metric["Namespace"],
                metric["MetricName"],
                dimension["Name"],
                stack.show(dimension["Value"]),
            )
            for alarm in alarms(stack).values()
            for metric in metrics_of(alarm)
            for dimension in metric["Dimensions"]
            if metric["Namespace"] != NAMESPACE
        }
        functions = [f"{name.capitalize()}/Function" for name in FUNCTIONS]
        tables = {"windows": "RetryWindows"}
        assert watched == {
            *(
                ("AWS/Lambda", metric, "FunctionName", function)
                for function in functions
                for metric in ("Errors", "Throttles")
            ),
            *(
                ("AWS/Lambda", metric, "FunctionName", "Ledger/Function")
                for metric in ("IteratorAge", "DestinationDeliveryFailures")
            ),
            ("AWS/Lambda", "Invocations", "FunctionName", "Track/Function"),
            *(
                ("AWS/DynamoDB", f"{kind}ThrottleEvents", *dimension)
                for kind in ("Read", "Write")
                for dimension in (
                    *(
                        ("TableName", f"Tables/{tables.get(name, name.capitalize())}")
                        for name in TABLES
                    ),
                    ("GlobalSecondaryIndexName", "due"),
                )
            ),
            *(("AWS/ApiGateway", name, "ApiId", "Api/Http") for name in ("5xx", "Count")),
            ("AWS/ApiGateway", "Latency", "ApiId", "Api/Http"),
            ("AWS/SQS", DEAD_LETTERS, "QueueName", "Sweep/DeadLetters.QueueName"),
            *(
                ("AWS/Lambda", PUT_ASIDE, "EventSourceMappingUUID", f"Ledger/{stream}")
                for stream in ("Profiles", "RetryWindows")
            ),
        }

    def test_row_19_a_sweep_that_says_nothing_rings(self, stack: Stack) -> None:
        alarm = alarms(stack)["sweep-lag"]
        assert alarm["TreatMissingData"] == "breaching"
        assert alarm["Threshold"] == 3600
        (metric,) = metrics_of(alarm)
        assert alarm["EvaluationPeriods"] * metric["Period"] == 3600
        schedule = stack.get("AWS::Scheduler::Schedule", "Sweep/Schedule")
        assert schedule["ScheduleExpression"] == f"rate({metric['Period'] // 60} minutes)"

    def test_elsewhere_silence_is_no_news(self, stack: Stack) -> None:
        missing = {name: alarm["TreatMissingData"] for name, alarm in alarms(stack).items()}
        assert {name for name, each in missing.items() if each != "notBreaching"} == {"sweep-lag"}

    def test_row_49_records_that_are_put_aside_ring_at_once(self, stack: Stack) -> None:
        alarm = alarms(stack)["ledger-kept"]
        assert (alarm["Threshold"], alarm["EvaluationPeriods"]) == (1, 1)
        streams = stack.of("AWS::Lambda::EventSourceMapping").values()
        # Lambda counts them for those alone that ask for it.
        assert [each.properties["MetricsConfig"] for each in streams] == [
            {"Metrics": ["EventCount"]}
        ] * 2

    @pytest.mark.parametrize("name", ["ledger-errors", "ledger-failing", "ledger-lag"])
    def test_alarms_that_a_bus_may_raise_name_it(self, dev: Stack, name: str) -> None:
        assert "event bus" in alarms(dev)[name]["AlarmDescription"]

    def test_row_66_campaigns_that_are_not_refreshed_ring(self, stack: Stack) -> None:
        alarm = alarms(stack)["campaigns-not-refreshed"]
        (metric,) = metrics_of(alarm)
        assert metric["MetricName"] == Metric.CAMPAIGNS_NOT_REFRESHED
        # A quiet stage has a call now and then.
        assert (alarm["Threshold"], alarm["EvaluationPeriods"]) == (1, 2)

    def test_row_66_the_alarm_says_what_comes_after_an_hour_and_where_to_read_on(
        self, dev: Stack
    ) -> None:
        description = alarms(dev)["campaigns-not-refreshed"]["AlarmDescription"]
        assert "after an hour every call is answered 503" in description
        assert "docs/operations.md: LIVE is gone" in description

    def test_an_expression_has_at_most_ten_metrics(self, stack: Stack) -> None:
        assert max(len(metrics_of(alarm)) for alarm in alarms(stack).values()) <= 10

    def test_there_are_no_composite_alarms(self, stack: Stack) -> None:
        assert not stack.of("AWS::CloudWatch::CompositeAlarm")

    def test_a_stage_that_logs_no_decisions_is_warned_of(
        self, deployment: Deployment, dev: Stack
    ) -> None:
        assert dev.remarks == ()
        (remark,) = deployment("dev", logLevel="WARN").remarks
        assert "logLevel WARN" in remark


class TestRefusedTokens:
    """`tokens-refused`: a share of the calls, so that one old app that goes on does not ring."""

    def test_it_is_there_where_tokens_are_asked_for_alone(self, deployment: Deployment) -> None:
        # While a stage observes, most apps have none yet, and nobody is refused.
        assert "tokens-refused" not in alarms(deployment("prod", auth="observe"))

    def test_it_counts_calls_however_many_messages_they_had(self, prod: Stack) -> None:
        stats = [each["MetricStat"] for each in self.parts(prod) if "MetricStat" in each]
        assert {(each["Metric"]["MetricName"], each["Stat"]) for each in stats} == {
            # The function writes one line a call, whatever it refused of it.
            ("TokenRefused", "SampleCount"),
            ("Invocations", "Sum"),
        }

    @pytest.mark.parametrize(
        ("refused", "calls", "rings"),
        [
            (19, 19, False),
            (20, 80, False),
            (20, 79, True),
            (1_000, 10_000, False),
            (2_600, 10_000, True),
            (0, 10_000, False),
        ],
    )
    def test_more_than_a_quarter_of_the_calls_and_at_least_twenty(
        self, prod: Stack, refused: int, calls: int, rings: bool
    ) -> None:
        alarm = alarms(prod)["tokens-refused"]
        assert (alarm["EvaluationPeriods"], self.parts(prod)[1]["MetricStat"]["Period"]) == (2, 900)
        assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
        value = worth(self.parts(prod)[0]["Expression"], refused=refused, calls=calls)
        assert (value > alarm["Threshold"]) is rings

    def test_the_dashboard_shows_the_share_in_every_stage(self, stack: Stack) -> None:
        shown = [line[0].get("expression", "") for line in lines(stack) if len(line) == 1]
        assert [each for each in shown if "refused" in each] == [self.EXPRESSION]

    EXPRESSION = "IF(refused >= 20, 100 * refused / calls, 0)"

    def parts(self, stack: Stack) -> list[Json]:
        found: list[Json] = alarms(stack)["tokens-refused"]["Metrics"]
        return found


def worth(expression: str, **figures: int) -> float:
    """What CloudWatch makes of an `IF(condition, then, otherwise)`."""
    condition, then, otherwise = re.fullmatch(r"IF\((.+), (.+), (.+)\)", expression).groups()  # type: ignore[union-attr] # else it fails
    return float(eval(f"({then}) if ({condition}) else ({otherwise})", dict(figures)))  # noqa: S307 - our own template's


class TestMetrics:
    def test_no_alarm_and_no_graph_is_of_a_metric_that_nobody_emits(self, stack: Stack) -> None:
        assert own(stack) <= {metric.value for metric in Metric}

    def test_every_metric_is_on_the_dashboard_or_in_an_alarm(self, stack: Stack) -> None:
        assert {metric.value for metric in Metric} <= own(stack)

    def test_all_are_of_the_stage(self, stack: Stack, prod: Stack) -> None:
        name = "prod" if stack is prod else "dev"
        for line in lines(stack):
            if line[0] == NAMESPACE:
                assert line[2:4] == [STAGE, name]
        for search in searches(stack):
            assert f'{STAGE}="{name}"' in search
        for alarm in alarms(stack).values():
            for metric in metrics_of(alarm):
                if metric["Namespace"] == NAMESPACE:
                    assert metric["Dimensions"] == [{"Name": STAGE, "Value": name}]

    def test_the_searches_find_every_fact_and_reason_of_a_campaign(self, stack: Stack) -> None:
        schema = f"{{{NAMESPACE},{STAGE},{CAMPAIGN}}}"
        found = [search for search in searches(stack) if schema in search]
        exact = {name for search in found for name in re.findall(r'MetricName="([^"]+)"', search)}
        prefixes = {name for search in found for name in re.findall(r"MetricName=(\w+)", search)}
        assert exact == {of_fact(kind) for kind in FactKind}
        assert prefixes == {of_decision(reason).partition(".")[0] for reason in Reason}

    def test_what_no_campaign_had_to_do_with_is_searched_for_too(self, stack: Stack) -> None:
        schema = f"{{{NAMESPACE},{STAGE}}}"
        found = [search for search in searches(stack) if schema in search]
        prefixes = {name for search in found for name in re.findall(r"MetricName=(\w+)", search)}
        assert prefixes == {"Decision", "Silence", "Fact"}

    def test_a_search_is_no_longer_than_cloudwatch_takes(self, stack: Stack) -> None:
        assert max(map(len, searches(stack))) <= 1024


class TestTopic:
    def test_it_is_encrypted_with_a_key_that_alarms_may_use(self, stack: Stack) -> None:
        topic = stack.get(TOPIC, "Monitoring/Topic")
        assert stack.show(topic["KmsMasterKeyId"]) == "Monitoring/Key.Arn"
        key = stack.get("AWS::KMS::Key", "Monitoring/Key")
        assert key["EnableKeyRotation"] is True
        by_principal = {
            json.dumps(each["Principal"]): each["Action"]
            for each in key["KeyPolicy"]["Statement"]
            if "Service" in each["Principal"]
        }
        assert by_principal == {
            '{"Service": "cloudwatch.amazonaws.com"}': ["kms:Decrypt", "kms:GenerateDataKey*"]
        }

    def test_only_this_stage_s_alarms_publish_and_only_over_tls(
        self, stack: Stack, prod: Stack
    ) -> None:
        policy = stack.get("AWS::SNS::TopicPolicy", "Monitoring/Topic/Policy")
        denied, allowed = policy["PolicyDocument"]["Statement"]
        assert denied["Effect"] == "Deny"
        assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert allowed["Effect"] == "Allow"
        assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
        assert allowed["Action"] == "sns:Publish"
        name = "prod" if stack is prod else "dev"
        arns = stack.show(allowed["Condition"]["ArnLike"]["aws:SourceArn"])
        assert arns.endswith(f":${{AWS::AccountId}}:alarm:softask-{name}-*")

    def test_an_address_is_subscribed_where_the_stage_has_one(
        self, stack: Stack, deployment: Deployment
    ) -> None:
        assert not stack.of("AWS::SNS::Subscription")
        (subscription,) = (
            deployment("prod", alarmEmail="ops@example.com").of("AWS::SNS::Subscription").values()
        )
        assert subscription.properties["Protocol"] == "email"
        assert subscription.properties["Endpoint"] == "ops@example.com"

    @pytest.mark.parametrize("address", ["ops", "ops@", "@example.com", "a b@example.com"])
    def test_what_is_no_address_is_refused(self, address: str) -> None:
        with pytest.raises(StageError, match="alarmEmail"):
            read_stage({**project_context(), "stage": "dev", "alarmEmail": address})


class TestDocument:
    """docs/monitoring.md speaks of what is there."""

    def test_it_has_a_section_for_every_alarm(self) -> None:
        text = DOCUMENT.read_text(encoding="utf-8")
        written = {
            name for heading in re.findall(r"^### (.+)$", text, re.M) for name in _names(heading)
        }
        assert written == NAMES

    def test_each_alarm_has_three_things_to_do(self) -> None:
        sections = DOCUMENT.read_text(encoding="utf-8").split("\n### ")[1:]
        for section in sections:
            steps = re.findall(r"^(\d)\. ", section.split("\n## ")[0], re.M)
            assert steps == ["1", "2", "3"], section.splitlines()[0]

    def test_it_names_every_metric_of_the_stage(self) -> None:
        text = DOCUMENT.read_text(encoding="utf-8")
        for metric in Metric:
            assert f"`{metric.value}`" in text

    def test_it_draws_every_graph_of_the_dashboard(self, dev: Stack) -> None:
        text = re.sub(r"[\s|+-]+", " ", DOCUMENT.read_text(encoding="utf-8"))
        for widget in widgets(dev):
            title = re.sub(r"[\s|+-]+", " ", widget["properties"]["title"])
            assert f"{title}" in text

    def test_it_counts_metrics_and_alarms_rightly(self, prod: Stack) -> None:
        text = " ".join(DOCUMENT.read_text(encoding="utf-8").split())
        reasons = [of_decision(reason) for reason in Reason if reason is not Reason.NEWER]
        silences = [name for name in reasons if name.startswith("Silence")]
        read = sum(len(metrics_of(alarm)) for alarm in alarms(prod).values())
        assert f"{len(Metric)} of the stage" in text
        assert f"{len(FactKind)} kinds of facts" in text
        assert f"{len(silences)} reasons for silence" in text
        assert f"{len(reasons) - len(silences)} other decisions" in text
        assert f"{len(NAMES)} alarms read {read} metrics" in text


def _names(heading: str) -> list[str]:
    """`track-errors`, `admin-errors`."""
    return re.findall(r"`([a-z-]+)`", heading)
