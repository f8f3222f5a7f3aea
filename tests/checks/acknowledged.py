"""What may stay, and why. An answer that no finding needs any more fails `make checks`."""

from functions.track.routes import ROUTES as PUBLIC
from tests.checks.findings import Acknowledged

NAG = (
    *(
        Acknowledged(
            "AwsSolutions-APIG4",
            f"*/Api/{method}{path.replace('/', '--')}",
            "An app has no AWS identity: write keys and tokens are checked by the function.",
        )
        for method, path in PUBLIC
    ),
    Acknowledged(
        "AwsSolutions-IAM5",
        "*/Role/DefaultPolicy Resource::[*]",
        "X-Ray's two actions know no resources; tests/infra shows that nothing else has `*`.",
    ),
    Acknowledged(
        "AwsSolutions-IAM5",
        "*/Ledger/Role/DefaultPolicy Resource::<*FailedRecords*.Arn>/[*]",
        "The objects of the bucket that holds failed records and nothing else.",
    ),
    Acknowledged(
        "AwsSolutions-IAM5",
        "*/Role/DefaultPolicy Resource::*:parameter/softask/*/device-keys/[*]",
        "Keys are made while the stage runs; the path holds those of one stage alone.",
    ),
    Acknowledged(
        "AwsSolutions-IAM5",
        "own-app:shop/Operators/DefaultPolicy Resource::*/[*]/[*]/v1/admin/[*]",
        "Operators may call every admin route, and no other.",
    ),
    Acknowledged(
        "AwsSolutions-IAM4",
        "*/Rollout/Role Policy::*/AWSCodeDeployRoleForLambdaLimited",
        "Written by AWS for this very role, and kept in step with CodeDeploy (decision 93).",
    ),
    *(
        Acknowledged(
            "AwsSolutions-IAM4",
            f"every-option:*/Backups/Plan/Tables/Role Policy::*/{policy}",
            "The role is AWS Backup's own, with the policy that AWS keeps in step with it.",
        )
        for policy in (
            "AWSBackupServiceRolePolicyForBackup",
            "AWSBackupServiceRolePolicyForRestores",
        )
    ),
    *(
        Acknowledged(
            rule,
            "*/Function",
            "3.13 is what the asset is compiled for and what tests run; 3.14 is a change of both.",
        )
        for rule in ("AwsSolutions-L1", "Serverless-LambdaLatestVersion")
    ),
    Acknowledged(
        "Serverless-LambdaTracing",
        "*/Function",
        "Traces cost more than the tables of a small stage: on where `tracing` is (decision 112).",
    ),
    Acknowledged(
        "AwsSolutions-S1",
        "dev:*/Ledger/FailedRecords",
        "A stage that keeps no data logs nobody who reads it; prod does.",
    ),
    *(
        Acknowledged(
            rule,
            "*/Sweep/DeadLetters",
            "It is a dead-letter queue itself: the schedule's.",
        )
        for rule in ("AwsSolutions-SQS3", "Serverless-SQSRedrivePolicy")
    ),
    Acknowledged(
        "Serverless-LambdaAsyncFailureDestination",
        "*/Sweep/Live/EventInvokeConfig",
        "A sweep holds nothing of its own: the next run does its work, and an alarm tells.",
    ),
    Acknowledged(
        "Serverless-LambdaDLQ",
        "*/Function",
        "API Gateway waits for its two, the ledger's streams keep failures in S3, and a sweep "
        "that fails is done by the next one.",
    ),
    Acknowledged(
        "Serverless-SNSRedrivePolicy",
        "*/Monitoring/Topic/*@*",
        "SNS retries a mail by itself, and nobody would read the queue of those that bounced.",
    ),
    *(
        Acknowledged(
            rule,
            "own-app:shop/Api/DefaultStage",
            "Stands for the API that the shop has already, with its own logs and limits.",
        )
        for rule in (
            "AwsSolutions-APIG1",
            "Serverless-APIGWAccessLogging",
            "Serverless-APIGWDefaultThrottling",
        )
    ),
    *(
        Acknowledged(
            rule,
            place,
            "Stands for what the shop listens with: its own queue and rule.",
        )
        for rule, place in (
            ("AwsSolutions-SQS3", "own-app:shop/Approved"),
            ("Serverless-SQSRedrivePolicy", "own-app:shop/Approved"),
            ("Serverless-EventBusDLQ", "own-app:shop/Approvals"),
        )
    ),
    Acknowledged(
        "AwsSolutions-CFR1",
        "softask-edge/Distribution",
        "The app's users are anywhere; who serves some countries only, sets it.",
    ),
    Acknowledged(
        "AwsSolutions-CFR3",
        "softask-edge/Distribution",
        "Such logs hold the addresses of the app's users; WAF counts without them.",
    ),
    Acknowledged(
        "AwsSolutions-CFR4",
        "edge:softask-edge/Distribution",
        "AWS's own name allows old TLS; with `-c certificateArn=…` (named-edge) it does not.",
    ),
)
"""cdk-nag's: AwsSolutions and Serverless."""

CFN_LINT = (
    Acknowledged(
        "I3013",
        "own-app:shop/Approved",
        "Stands for the shop's own queue, which says how long it keeps.",
    ),
    Acknowledged(
        "W6001",
        "own-app:*Table",
        "The tables are another stack's there; who operates the shop's finds all outputs in one.",
    ),
    Acknowledged(
        "W3005",
        "*/Function",
        "CDK lets a function wait for its role's policies, and names the role with them.",
    ),
    Acknowledged(
        "W3005",
        "every-option:*/Api/Stage/*Domain*",
        "CDK's own, too: the mapping names its domain twice.",
    ),
)

CHECKOV = (
    Acknowledged(
        "CKV_AWS_18",
        "*/Ledger/Reads",
        "The bucket of the logs: one that logged itself would never come to rest.",
    ),
    Acknowledged(
        "CKV_AWS_18",
        "dev:*/Ledger/FailedRecords",
        "A stage that keeps no data logs nobody who reads it; prod does.",
    ),
    *(
        Acknowledged(
            "CKV_AWS_21",
            place,
            "What expires must be gone: an old version would outlive a deleted user.",
        )
        for place in ("*/Ledger/FailedRecords", "*/Ledger/Reads")
    ),
    *(
        Acknowledged(
            "CKV_AWS_27",
            place,
            "Encrypted by SQS itself; with `customerKey` by the stack's key.",
        )
        for place in ("*/Sweep/DeadLetters", "own-app:shop/Approved")
    ),
    Acknowledged(
        "CKV_AWS_33",
        "every-option:*/Encryption/Key",
        "Everybody of this account, through DynamoDB alone, as with AWS's own key (decision 94).",
    ),
    Acknowledged(
        "CKV_AWS_86",
        "softask-edge/Distribution",
        "Such logs hold the addresses of the app's users; WAF counts without them.",
    ),
    Acknowledged(
        "CKV_AWS_95",
        "own-app:shop/Api/DefaultStage",
        "Stands for the API that the shop has already, with its own logs.",
    ),
    Acknowledged(
        "CKV_AWS_115",
        "*/Function",
        "Reserved runs are taken from the account's others: `reservedConcurrency` bounds `track`, "
        "the streams' shards and the schedule bound two, and IAM guards the last.",
    ),
    Acknowledged(
        "CKV_AWS_116",
        "*/Function",
        "API Gateway waits for its two, the ledger's streams keep failures in S3, and a sweep "
        "that fails is done by the next one.",
    ),
    Acknowledged(
        "CKV_AWS_117",
        "*/Function",
        "Nothing that they call is in a VPC: one would add a NAT gateway, and no wall.",
    ),
    *(
        Acknowledged(
            "CKV_AWS_158",
            place,
            "Encrypted by CloudWatch itself; with `customerKey` by the stack's key.",
        )
        for place in ("*/Logs", "*/Api/AccessLog")
    ),
    Acknowledged(
        "CKV_AWS_173",
        "*/Function",
        "Names and hashes, no secret: those are in SSM, and with the callers.",
    ),
    Acknowledged(
        "CKV_AWS_174",
        "edge:softask-edge/Distribution",
        "AWS's own name allows old TLS; with `-c certificateArn=…` (named-edge) it does not.",
    ),
)

PIP_AUDIT: tuple[Acknowledged, ...] = ()
"""A vulnerability that does not reach us: its id, and `package version`."""

EVERY = (*NAG, *CFN_LINT, *CHECKOV, *PIP_AUDIT)
