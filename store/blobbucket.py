"""Documents in a bucket that speaks S3: an object each, of the same names as the files of a folder.

An object's name is its hash, which is known when all of it is: until then it waits in an unnamed temporary file.
"""

from __future__ import annotations

from contextlib import closing, contextmanager
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from store.blobplace import PIECE, Lying, blob_of, name_of
from store.errors import Tampered, Unavailable

try:
    import boto3
    from boto3.exceptions import Boto3Error
    from boto3.s3.transfer import TransferConfig
    from botocore.config import Config
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        FlexibleChecksumError,
        ReadTimeoutError,
        ResponseStreamingError,
    )
except ModuleNotFoundError as missing:
    if (missing.name or "") not in ("boto3", "botocore", "s3transfer"):
        raise
    raise Unavailable("documents in a bucket need boto3: install bo-ledger[s3]") from None

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

PART = 5 << 20
"""Bytes that are sent at once, the fewest S3 takes. What is shorter stays in memory until it is sent."""
TURNS = 3
"""Times that an object is asked for without a byte of it coming."""
AT_ONCE = 1000
"""Objects that one request can delete."""
PATIENCE = {"retries": {"mode": "standard", "max_attempts": 5}, "connect_timeout": 10, "read_timeout": 60}
GONE = {"404", "NoSuchKey", "NotFound"}
CHANGED = {"412", "PreconditionFailed", "416", "InvalidRange"}
"""Another object has come into its place, or it ends before it should."""
NOT_FOR_US = {"AccessDenied", "NotImplemented", "MethodNotAllowed"}
"""Some servers and rights do not show uploads that were broken off: those are then left to the bucket's own rules."""
UPLOAD = "#"
"""Stands between the name of an object and the id of an upload that was broken off."""


class Bucket:
    """Part of a bucket: the objects whose keys begin with `prefix`. Credentials are where boto3 looks for them."""

    def __init__(self, bucket: str, prefix: str, **settings: str) -> None:
        self._bucket, self._prefix = bucket, prefix
        self._name = f"s3://{bucket}/{prefix}"
        with self._faults():
            self._s3 = boto3.client("s3", config=Config(**PATIENCE), **settings)

    @classmethod
    def at(cls, address: str, ledger: str) -> Bucket:
        """`s3://BUCKET/PREFIX?endpoint=URL&region=NAME`."""
        parts = urlsplit(address)
        said = dict(parse_qsl(parts.query, keep_blank_values=True))
        settings = {"endpoint_url": said.pop("endpoint", ""), "region_name": said.pop("region", "")}
        if said or not parts.hostname or parts.port or parts.username or parts.fragment:
            raise Unavailable(f"documents are kept in s3://BUCKET/PREFIX?endpoint=URL&region=NAME, not in {address}")
        prefix = "".join(f"{part}/" for part in (parts.path.strip("/"), ledger) if part)
        return cls(parts.netloc, prefix, **{name: value for name, value in settings.items() if value})

    @contextmanager
    def new(self) -> Iterator[_Object]:
        with SpooledTemporaryFile(max_size=PART) as file:
            yield _Object(self, file)

    def put(self, name: str, file: Any) -> None:
        config = TransferConfig(PART, multipart_chunksize=PART, use_threads=False)  # one part in memory
        with self._faults():
            self._s3.upload_fileobj(file, self._bucket, self._prefix + name, Config=config)

    def read(self, blob: bytes) -> Iterator[bytes]:
        end, turns = 0, TURNS
        more: dict[str, str] = {}
        while turns:
            body, tag = self._get(blob, more)
            with self._faults(), closing(body):
                try:
                    while piece := body.read(PIECE):
                        yield piece
                        end, turns = end + len(piece), TURNS
                    return
                except (ResponseStreamingError, ReadTimeoutError):  # boto3 asks again only until an answer begins
                    turns -= 1
                    if not turns:
                        raise
                except FlexibleChecksumError:  # the server's own checksum tells it first
                    raise Tampered(f"the document file {blob.hex()} was changed") from None
            more = {"Range": f"bytes={end}-", "IfMatch": tag}

    def _get(self, blob: bytes, more: dict[str, str]) -> tuple[Any, str]:
        """What is left of an object, and its tag: the rest is to be of the same."""
        with self._faults():
            try:
                found = self._s3.get_object(Bucket=self._bucket, Key=self._prefix + name_of(blob), **more)
            except ClientError as problem:
                code = problem.response["Error"]["Code"]
                if code in GONE:
                    raise Tampered(f"the document file {blob.hex()} is missing in {self._name}") from None
                if code in CHANGED:
                    raise Tampered(f"the document file {blob.hex()} was changed") from None
                raise
            return found["Body"], found["ETag"]

    def has(self, blob: bytes) -> bool:
        with self._faults():
            try:
                self._s3.head_object(Bucket=self._bucket, Key=self._prefix + name_of(blob))
            except ClientError as problem:
                if problem.response["Error"]["Code"] in GONE:
                    return False
                raise
        return True

    def delete(self, blobs: Collection[bytes]) -> None:
        keys = [{"Key": self._prefix + name_of(blob)} for blob in blobs]
        for at in range(0, len(keys), AT_ONCE):
            with self._faults():
                some = {"Objects": keys[at : at + AT_ONCE], "Quiet": True}
                for failed in self._s3.delete_objects(Bucket=self._bucket, Delete=some).get("Errors", ()):
                    raise Unavailable(f"{self._name}: {failed['Key']} was not deleted: {failed['Message']}")

    def listed(self) -> Iterator[Lying]:
        where = {"Bucket": self._bucket, "Prefix": self._prefix}
        begins = len(self._prefix)
        with self._faults():
            for page in self._s3.get_paginator("list_objects_v2").paginate(**where):
                for each in page.get("Contents", ()):
                    name = each["Key"][begins:]
                    yield Lying(name, blob_of(name), each["Size"], each["LastModified"].timestamp())
            try:
                for page in self._s3.get_paginator("list_multipart_uploads").paginate(**where):
                    for each in page.get("Uploads", ()):
                        name = f"{each['Key'][begins:]}{UPLOAD}{each['UploadId']}"
                        yield Lying(name, None, 0, each["Initiated"].timestamp())
            except ClientError as problem:
                if problem.response["Error"]["Code"] not in NOT_FOR_US:
                    raise

    def remove(self, name: str) -> None:
        name, _, upload = name.partition(UPLOAD)
        where = {"Bucket": self._bucket, "Key": self._prefix + name}
        with self._faults():
            if upload:
                self._s3.abort_multipart_upload(UploadId=upload, **where)
            else:
                self._s3.delete_object(**where)

    def close(self) -> None:
        self._s3.close()

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except ClientError as problem:
            said = problem.response["Error"]
            raise Unavailable(f"{self._name}: {said.get('Message') or said['Code']}") from None
        except (Boto3Error, BotoCoreError, ValueError) as problem:  # ValueError: an endpoint that is no URL
            raise Unavailable(f"{self._name}: {problem}") from None


class _Object:
    def __init__(self, bucket: Bucket, file: SpooledTemporaryFile[bytes]) -> None:
        self._bucket, self._file = bucket, file
        self.write = file.write

    def publish(self, blob: bytes) -> None:
        self._file.seek(0)
        self._bucket.put(name_of(blob), self._file)
