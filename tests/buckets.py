"""An S3 server on loopback for tests; credentials that are good for nothing else."""

from __future__ import annotations

import logging
import os
import secrets
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

import boto3
from moto.server import ThreadedMotoServer

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


class BucketServer:
    """`bucket()` makes an empty bucket and tells its address."""

    def __init__(self) -> None:
        self._environment = patch.dict(os.environ, ENVIRONMENT)
        self._environment.start()
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.endpoint = f"http://{host}:{port}"
        self.s3: Any = boto3.client("s3", endpoint_url=self.endpoint)

    def bucket(self, prefix: str = "documents") -> str:
        name = f"b{secrets.token_hex(5)}"
        self.s3.create_bucket(Bucket=name)
        return f"s3://{name}/{prefix}?endpoint={quote(self.endpoint, safe='')}"

    def keys(self, address: str) -> list[str]:
        """The keys of all objects."""
        listed = self.s3.list_objects_v2(Bucket=address.removeprefix("s3://").split("/")[0])
        return [each["Key"] for each in listed.get("Contents", ())]

    def close(self) -> None:
        self.s3.close()
        self._server.stop()
        self._environment.stop()
