"""Performs the steps that come in as JSON, one on each line, and answers each
with a line of JSON: the result, or the code and text of the error."""

import base64
import datetime
import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError


def plain(value):
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)


def perform(url, step):
    client = boto3.client(
        step["service"],
        endpoint_url=url,
        config=Config(retries={"total_max_attempts": 1}),
    )
    given = dict(step["input"])
    if step["waiter"]:
        client.get_waiter(step["waiter"]).wait(**given, WaiterConfig={"Delay": 1})
        return None
    if step["page"]:
        pages = client.get_paginator(step["name"])
        return pages.paginate(
            **given, PaginationConfig={"PageSize": step["page"]}
        ).build_full_result()
    if step["operation"] == "PutObject":
        given["Body"] = step["file"].encode()
    result = getattr(client, step["name"])(**given)
    if step["operation"] == "GetObject":
        if result.pop("Body").read().decode() != step["file"]:
            raise AssertionError("another body")
    return result


def main():
    print(json.dumps({"version": boto3.__version__}), flush=True)
    for line in sys.stdin:
        step = json.loads(line)
        try:
            answer = {"result": perform(sys.argv[1], step)}
        except ClientError as e:
            answer = {"code": e.response["Error"]["Code"], "text": str(e)}
        except Exception as e:
            answer = {"code": type(e).__name__, "text": str(e)}
        print(json.dumps(answer, default=plain), flush=True)


main()
