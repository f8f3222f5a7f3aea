"""The alarms, the topic that they notify, and the dashboard."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from aws_cdk import Annotations, ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk.aws_cloudwatch_actions import SnsAction
from constructs import Construct

from functions.environment import Auth
from functions.metrics import Metric
from infra.api import Api
from infra.dashboard import FIVE_MINUTES, Dashboard, Watched, iterator_age
from infra.function import Function
from infra.ledger import Ledger
from infra.stages import Stage
from infra.sweep import Sweep
from infra.tables import TableSet

_ALARMS = iam.ServicePrincipal("cloudwatch.amazonaws.com")
_QUIET = cloudwatch.TreatMissingData.NOT_BREACHING
_ABOVE = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
_AT_LEAST = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD

_CAUSES = {"ledger": "; the tables or the event bus may hang"}
"""What a function waits for, where that is not plain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """One alarm: `name` follows the stage's; `meaning` ends with the first thing to do.

    `periods`: how many in a row must be beyond the threshold. A missing value is a good one,
    unless `missing` says otherwise.
    """

    name: str
    meaning: str
    metric: cloudwatch.IMetric
    threshold: float
    operator: cloudwatch.ComparisonOperator = _AT_LEAST
    periods: int = 1
    missing: cloudwatch.TreatMissingData = _QUIET


class Monitoring(Construct):
    """Watches everything that the stack has, and tells `topic`. `alarms` go by what they watch:
    `track-errors`.

    The stage's `alarm_email`, if there is one, is subscribed; AWS asks it for consent by mail.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        functions: Mapping[str, Function],
        sweep: Sweep,
        ledger: Ledger,
        tables: TableSet,
        api: Api,
        key: kms.IKey | None,
    ) -> None:
        super().__init__(scope, construct_id)
        watched = Watched(
            stage=stage.name,
            functions={name: each.function for name, each in functions.items()},
            tables={
                "profiles": tables.profiles,
                "windows": tables.windows,
                "campaigns": tables.campaigns,
                "ledger": tables.ledger,
                "counters": tables.counters,
            },
            api=api.http,
            dead_letters=sweep.dead_letters,
            failed_records=ledger.failed_records,
            streams=ledger.streams,
        )
        self.topic = self._notices(stage, key or self._key(stage))
        rules = _rules(watched, stage.auth)
        self.alarms = {rule.name: self._alarm(stage, rule) for rule in rules}
        Dashboard(self, "Overview", watched=watched, alarms=list(self.alarms.values()))
        if stage.log_level not in ("DEBUG", "INFO"):
            Annotations.of(self).add_warning_v2(
                "softask:noMetrics",
                f"Stage {stage.name} has logLevel {stage.log_level}: metrics travel in lines of "
                "level INFO, so the dashboard stays empty and the alarm on the sweep's lag rings",
            )

    def _key(self, stage: Stage) -> kms.Key:
        """CloudWatch cannot use the key that AWS keeps for SNS, hence one of the stack's own."""
        return kms.Key(
            self,
            "Key",
            description=f"Softask, stage {stage.name}: notices of alarms",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _notices(self, stage: Stage, key: kms.IKey) -> sns.Topic:
        # AWS documents no condition here; one that CloudWatch does not meet would mute all alarms.
        key.grant(_ALARMS, "kms:Decrypt", "kms:GenerateDataKey*")
        topic = sns.Topic(
            self,
            "Topic",
            display_name=f"Softask {stage.name}",
            master_key=key,
            enforce_ssl=True,
        )
        # A policy of one's own takes the place of the one by which the account may publish.
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                principals=[_ALARMS],
                conditions={"ArnLike": {"aws:SourceArn": self._alarm_arns(stage)}},
            )
        )
        if stage.alarm_email:
            topic.add_subscription(subscriptions.EmailSubscription(stage.alarm_email))
        return topic

    def _alarm_arns(self, stage: Stage) -> str:
        return Stack.of(self).format_arn(
            service="cloudwatch",
            resource="alarm",
            resource_name=f"softask-{stage.name}-*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )

    def _alarm(self, stage: Stage, rule: _Rule) -> cloudwatch.Alarm:
        alarm = cloudwatch.Alarm(
            self,
            "".join(word.capitalize() for word in rule.name.split("-")),
            alarm_name=f"softask-{stage.name}-{rule.name}",
            alarm_description=f"{rule.meaning} (docs/monitoring.md: {rule.name})",
            metric=rule.metric,
            threshold=rule.threshold,
            comparison_operator=rule.operator,
            evaluation_periods=rule.periods,
            treat_missing_data=rule.missing,
        )
        action = SnsAction(self.topic)
        alarm.add_alarm_action(action)
        alarm.add_ok_action(action)
        return alarm


def _rules(watched: Watched, auth: Auth) -> Iterator[_Rule]:
    for name in watched.functions:
        yield from _of_function(watched, name)
    yield from _of_api(watched)
    for table in watched.tables:
        yield _Rule(
            name=f"table-{table}-throttled",
            meaning=f"DynamoDB refused requests to the table of {table}. First: see whether its "
            "traffic jumped; a table on demand doubles its capacity within 30 minutes.",
            metric=watched.throttled(table),
            threshold=1,
        )
    yield from _of_decisions(watched)
    # While a stage observes, nobody is refused, and most apps have no tokens yet.
    if auth == "enforce":
        yield _of_tokens(watched)
    yield from _of_ledger(watched)
    yield from _of_sweep(watched)


def _of_function(watched: Watched, name: str) -> Iterator[_Rule]:
    function = watched.functions[name]
    yield _Rule(
        name=f"{name}-errors",
        meaning=f"The function {name} crashed, timed out or ran out of memory"
        f"{_CAUSES.get(name, '')}. First: read the ERROR lines of its log group at that minute.",
        metric=function.metric_errors(period=FIVE_MINUTES),
        threshold=1,
    )
    yield _Rule(
        name=f"{name}-throttles",
        meaning=f"Lambda refused to start the function {name}. First: compare the account's "
        "concurrent executions with its limit in this region.",
        metric=function.metric_throttles(period=FIVE_MINUTES),
        threshold=1,
    )


def _of_api(watched: Watched) -> Iterator[_Rule]:
    yield _Rule(
        name="api-errors",
        meaning="More than 1 % of the calls, and at least 5, were answered 5xx. Apps show nothing "
        "then, and send again. First: see on the dashboard whether it is Busy, Unavailable or a "
        "function's errors.",
        metric=cloudwatch.MathExpression(
            expression="IF(errors >= 5, 100 * errors / requests, 0)",
            using_metrics={
                "errors": watched.api.metric_server_error(statistic="Sum", period=FIVE_MINUTES),
                "requests": watched.api.metric_count(statistic="Sum", period=FIVE_MINUTES),
            },
            label="5xx in 100 calls",
            period=FIVE_MINUTES,
        ),
        threshold=1,
        operator=_ABOVE,
    )
    yield _Rule(
        name="api-latency",
        meaning="One call in a hundred took over 2 s for 15 minutes: apps wait no longer, and "
        "show nothing. First: see on the dashboard whether track's duration or the tables' "
        "throttling rose with it.",
        metric=watched.api.metric_latency(statistic="p99", period=FIVE_MINUTES),
        threshold=2_000,
        operator=_ABOVE,
        periods=3,
    )


def _of_decisions(watched: Watched) -> Iterator[_Rule]:
    yield _Rule(
        name="conflicts",
        meaning="Over 10 decisions in 100 were made again for 15 minutes, since somebody else "
        "wrote the user first. First: look for an app that sends one user's events many times at "
        "once, instead of in a batch.",
        metric=watched.conflict_rate(),
        threshold=10,
        operator=_ABOVE,
        periods=3,
    )
    yield _Rule(
        name="campaigns-not-refreshed",
        meaning="The live campaigns and keys could not be read, or a campaign was left out: after "
        "30 s nothing is offered, after an hour every call is answered 503. First: read `cause` "
        "in the lines campaigns_not_refreshed of track; is it LIVE, see docs/operations.md: LIVE "
        "is gone.",
        metric=watched.own(Metric.CAMPAIGNS_NOT_REFRESHED),
        threshold=1,
        periods=2,
    )


def _of_tokens(watched: Watched) -> _Rule:
    return _Rule(
        name="tokens-refused",
        meaning="Over 25 calls in 100, and at least 20 a quarter of an hour, had messages that "
        "were refused for want of a user's token, for half an hour. Their outcomes wait on the "
        "phones. First: count the lines token_refused of track by their `cause`.",
        metric=watched.refused_rate(),
        threshold=25,
        operator=_ABOVE,
        periods=2,
    )


def _of_ledger(watched: Watched) -> Iterator[_Rule]:
    ledger = watched.functions["ledger"]
    yield _Rule(
        name="ledger-lag",
        meaning="Facts were over 15 minutes late, for 15 minutes: reports and events lag, and "
        "records older than 12 h are put aside; the event bus may be down. First: read the ERROR "
        "lines of ledger; not_published is the bus.",
        metric=iterator_age(ledger),
        threshold=Duration.minutes(15).to_milliseconds(),
        operator=_ABOVE,
        periods=3,
    )
    yield _Rule(
        name="ledger-failing",
        meaning="Stream records could not be written, or the event bus did not take their events, "
        "5 times within 15 minutes; what fails 101 times is put aside. First: read the ERROR lines "
        "of ledger; not_published is the bus.",
        metric=watched.own(Metric.FAILED_RECORDS, period=Duration.minutes(15)),
        threshold=5,
    )
    yield _Rule(
        name="ledger-kept",
        meaning="Failed records were put aside in their bucket: events, and perhaps figures, miss "
        "them; they expire after 30 days. First: mend the cause, then run `softask ledger replay`.",
        metric=watched.put_aside(),
        threshold=1,
    )
    yield _Rule(
        name="ledger-lost",
        meaning="A failed record could not be kept in its bucket, and its facts are lost. First: "
        "check that the bucket exists and that the function ledger may still write to it.",
        metric=ledger.metric("DestinationDeliveryFailures", statistic="Sum", period=FIVE_MINUTES),
        threshold=1,
    )


def _of_sweep(watched: Watched) -> Iterator[_Rule]:
    quarter = Duration.minutes(15)
    yield _Rule(
        name="sweep-lag",
        meaning="For an hour no sweep ran to its end, or retry windows were over an hour late. "
        "Users are asked in time all the same; UserReEligible is late. First: read the lines "
        "swept of sweep; are there none, look at its schedule.",
        metric=watched.own(Metric.SWEEP_LAG, "Maximum", quarter),
        threshold=Duration.hours(1).to_seconds(),
        operator=_ABOVE,
        periods=4,
        # Row 19 of docs/failures.md: a sweep that never runs says nothing.
        missing=cloudwatch.TreatMissingData.BREACHING,
    )
    yield _Rule(
        name="sweep-dead-letters",
        meaning="The schedule could not start the sweep. First: read the attribute ERROR_MESSAGE "
        "of a message in the queue DeadLetters, then purge it: the next run does the work.",
        metric=watched.dead_letters.metric_approximate_number_of_messages_visible(
            statistic="Maximum", period=FIVE_MINUTES
        ),
        threshold=1,
    )
