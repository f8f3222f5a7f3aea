"""What the operator's AWS account refuses, in words that say what to do."""

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
)

MISUSED = (NoCredentialsError, NoRegionError, ProfileNotFound)
"""Nothing was asked of AWS: the command lacks what it needs for that."""


def told(error: BotoCoreError | ClientError) -> str:
    """One line."""
    match error:
        case NoRegionError():
            return "Nothing says the AWS region: name it (--region)."
        case NoCredentialsError():
            return "There are no AWS credentials here: name a profile (--profile), or log in."
        case ProfileNotFound():
            name = error.kwargs["profile"]
            return f"There is no AWS profile {name} here: see `aws configure list-profiles`."
        case ClientError():
            code, why = error.response["Error"]["Code"], error.response["Error"].get("Message")
            return f"AWS refused {error.operation_name} ({code}){f': {why}' if why else ''}"
    return f"AWS: {error}"
