"""Where documents lie: a folder, the tables of a PostgreSQL ledger and a bucket keep one contract."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store import blobs
from store.blobbucket import PART
from store.blobfolder import Folder
from store.blobplace import BlobPlace, begin, blob_of, name_of, place_at
from store.blobtable import SIZE, Table
from store.errors import Tampered, Unavailable
from store.place import Server as Address
from store.place import create_store, place_of
from store.seal import StreamKey
from tests.buckets import BucketServer
from tests.transcripts import ROOT

if TYPE_CHECKING:
    from tests.servers import Server

LEDGER = bytes(range(16))
PLACES = ("folder", "table", "bucket")


@pytest.fixture
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty place: the kind is the test's parameter."""
    if request.param == "folder":
        begin(str(tmp_path), LEDGER)
        return str(tmp_path)
    if request.param == "bucket":
        return str(request.getfixturevalue("bucket_server").bucket())
    url: str = request.getfixturevalue("postgres_url")
    create_store(place_of(url)).close()
    return url


def server_at(address: str) -> Address | None:
    place = place_of(address) if address.startswith("postgresql:") else None
    return place if isinstance(place, Address) else None


def place_there(address: str) -> BlobPlace:
    server = server_at(address)
    return Table(server) if server else place_at(address, LEDGER)


@pytest.fixture
def place(address: str) -> Iterator[BlobPlace]:
    found = place_there(address)
    yield found
    found.close()


everywhere = pytest.mark.parametrize("address", PLACES, indirect=True)


def put(place: BlobPlace, content: bytes, step: int = 100_000) -> bytes:
    blob = sha256(content).digest()
    with place.new() as new:
        for at in range(0, len(content), step):
            new.write(content[at : at + step])
        new.publish(blob)
    return blob


def content(place: BlobPlace, blob: bytes) -> bytes:
    return b"".join(place.read(blob))


def names(place: BlobPlace) -> list[str]:
    return sorted(each.name for each in place.listed())


# the contract


@everywhere
@pytest.mark.parametrize("size", [1, SIZE - 1, SIZE, SIZE + 1, 5 * SIZE, PART, PART + 1, 2 * PART + 7])
def test_what_was_published_is_there_byte_for_byte(place: BlobPlace, size: int) -> None:
    data = os.urandom(1000) * (size // 1000 + 1)
    blob = put(place, data[:size])
    assert content(place, blob) == data[:size]
    assert place.has(blob)
    [lying] = place.listed()
    assert (lying.name, lying.blob, lying.size) == (name_of(blob), blob, size)
    assert abs(lying.modified - time.time()) < 600


@everywhere
def test_nothing_is_left_of_what_was_not_published(place: BlobPlace) -> None:
    with place.new() as new:
        new.write(b"x" * (3 * SIZE))
    with suppress(KeyboardInterrupt), place.new() as new:
        new.write(b"x" * (3 * SIZE))
        raise KeyboardInterrupt
    assert names(place) == []
    assert content(place, put(place, b"after that")) == b"after that"


@everywhere
def test_what_is_not_there_is_named_and_deleting_it_does_not_matter(place: BlobPlace) -> None:
    blob = put(place, b"a document")
    place.delete([blob, bytes(32)])
    place.delete([blob])
    place.delete([])
    place.remove(name_of(blob))
    assert not place.has(blob)
    with pytest.raises(Tampered, match=f"{blob.hex()} is missing"):
        content(place, blob)
    assert names(place) == []


@everywhere
def test_one_is_read_while_others_are_written(place: BlobPlace) -> None:
    """As when a document is sealed anew, or is copied within a place."""
    data = os.urandom(SIZE) * 40
    first = put(place, data)
    with place.new() as one, place.new() as two:
        for piece in place.read(first):
            one.write(piece)
            two.write(piece[::-1])
        one.publish(first)
        two.publish(bytes(32))
    assert content(place, first) == data
    assert names(place) == sorted([name_of(first), name_of(bytes(32))])


@everywhere
def test_a_listed_name_is_what_removes_it(place: BlobPlace) -> None:
    kept, gone = put(place, b"kept"), put(place, b"gone")
    place.remove(next(each.name for each in place.listed() if each.blob == gone))
    assert [each.blob for each in place.listed()] == [kept]


OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["put", "broken", "delete", "remove"]), st.integers(0, 3), st.integers(1, 2 * SIZE)),
    max_size=12,
)


@everywhere
@given(operations=OPERATIONS)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_sequence_leaves_what_was_published_and_not_removed(
    place: BlobPlace, operations: list[tuple[str, int, int]]
) -> None:
    place.delete([each.blob for each in place.listed() if each.blob])
    expected: dict[bytes, bytes] = {}
    for what, which, size in operations:
        data = bytes([which]) * size
        blob = sha256(data).digest()
        some = sorted(expected)[which % len(expected)] if expected else blob
        if what == "put":
            expected[put(place, data)] = data
        elif what == "broken":
            with suppress(ZeroDivisionError), place.new() as new:
                new.write(data)
                raise ZeroDivisionError
        else:
            (place.delete([some]) if what == "delete" else place.remove(name_of(some)))
            expected.pop(some, None)
    assert {each.blob: content(place, each.blob) for each in place.listed() if each.blob} == expected
    assert names(place) == sorted(map(name_of, expected))


KILLED = """
import os, signal, sys
from tests.test_blobplaces import SIZE, place_there
place = place_there(sys.argv[1])
with place.new() as new:
    new.write(os.urandom(SIZE) * 3)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@everywhere
def test_nothing_that_counts_is_left_of_a_killed_writer(place: BlobPlace, address: str) -> None:
    before = put(place, b"before")
    words = [sys.executable, "-P", "-c", KILLED, address]
    killed = subprocess.run(words, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert killed.returncode == -9
    assert [each.blob for each in place.listed() if each.blob] == [before]
    for half in [each.name for each in place.listed() if each.blob is None]:  # a folder has one
        place.remove(half)
    assert names(place) == [name_of(before)]


# damage

Harm = Callable[[str, bytes, "pytest.FixtureRequest"], None]


def change(address: str, blob: bytes, request: pytest.FixtureRequest, *, cut: bool) -> None:
    """Somebody with all rights changes a byte in the middle, or leaves out the end."""
    where = server_at(address)
    if where:
        server: Server = request.getfixturevalue("postgres_server")
        if cut:
            server.sql(
                f"DELETE FROM {where.schema}.blob_piece WHERE no = (SELECT MAX(no) FROM {where.schema}.blob_piece)"
            )
        else:
            server.sql(
                f"UPDATE {where.schema}.blob_piece SET data = set_byte(data, 9, get_byte(data, 9) # 1) WHERE no = 1"
            )
        return
    place = place_at(address, LEDGER)
    raw = bytearray(content(place, blob))
    if cut:
        del raw[-1000:]
    else:
        raw[SIZE + 9] ^= 1
    with place.new() as new:
        new.write(bytes(raw))
        new.publish(blob)
    place.close()


KEY = StreamKey(bytes(32), b"context")
LONG = [bytes([number]) * SIZE for number in range(3 * blobs.HELD // SIZE)]


@everywhere
@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("pieces", [LONG[:4], LONG])
def test_a_changed_document_is_tampered_before_any_of_it_is_given_away(
    place: BlobPlace, address: str, request: pytest.FixtureRequest, pieces: list[bytes], cut: bool
) -> None:
    sealed = blobs.seal(place, KEY, None, 1, 1, pieces)
    assert b"".join(blobs.read(place, sealed.hash, KEY, 1)) == b"".join(pieces)
    blobs.check(place, sealed.hash)
    change(address, sealed.hash, request, cut=cut)
    with pytest.raises(Tampered, match=f"{sealed.hash.hex()} was changed"):
        blobs.check(place, sealed.hash)
    with pytest.raises(Tampered, match=f"{sealed.hash.hex()} was changed"):
        next(blobs.read(place, sealed.hash, KEY, 1))


@everywhere
def test_a_long_document_that_is_changed_between_its_two_readings_does_not_open(
    place: BlobPlace, address: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = blobs.seal(place, KEY, None, 1, 1, LONG)
    once = blobs.checked

    def then_changed(place: BlobPlace, blob: bytes) -> Iterator[bytes]:
        yield from once(place, blob)
        change(address, blob, request, cut=False)

    monkeypatch.setattr(blobs, "checked", then_changed)
    with pytest.raises(Tampered, match="does not open under its key"):
        b"".join(blobs.read(place, sealed.hash, KEY, 1))


@everywhere
def test_publishing_again_mends_what_was_damaged(
    place: BlobPlace, address: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    begin(str(tmp_path), bytes(16))
    whole = place_at(str(tmp_path), bytes(16))
    blob = put(whole, b"".join(LONG[:4]))
    blobs.copy(whole, place, blob)
    change(address, blob, request, cut=False)
    with pytest.raises(Tampered):
        blobs.copy(place, whole, blob)  # and the good one there stays
    blobs.copy(whole, place, blob)
    blobs.check(place, blob)
    blobs.check(whole, blob)


# each on its own


def test_a_folder_holds_private_files_under_the_names_of_ever(tmp_path: Path) -> None:
    blob = put(Folder(tmp_path), b"x")
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()] == [
        f"{blob.hex()[:2]}/{blob.hex()}"
    ]
    assert Folder(tmp_path).path_of(blob).stat().st_mode & 0o077 == 0


def test_names_are_those_of_hashes_only() -> None:
    blob = sha256(b"").digest()
    assert blob_of(name_of(blob)) == blob
    for name in ("", "ab", name_of(blob).upper(), f"00/{blob.hex()}", name_of(blob)[:-2], "../../etc/passwd"):
        assert blob_of(name) is None


def test_ledgers_that_share_a_place_do_not_see_one_another(tmp_path: Path, bucket_server: BucketServer) -> None:
    for address in (str(tmp_path), bucket_server.bucket(), bucket_server.bucket("")):
        for ledger in (bytes(16), LEDGER):
            begin(address, ledger)
        one, other = place_at(address, bytes(16)), place_at(address, LEDGER)
        blob = put(one, b"x")
        assert one.has(blob)
        assert not other.has(blob)
        assert names(other) == []


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("documents", "a folder with its whole path"),
        ("/no/such/folder", "make it, or mount what holds it"),
        ("s3://", "s3://BUCKET/PREFIX"),
        ("s3://bucket/x?acces_key=1", "s3://BUCKET/PREFIX"),
        ("s3://me:secret@bucket/x", "s3://BUCKET/PREFIX"),
        ("s3://bucket/x?endpoint=nowhere", "nowhere"),
    ],
)
def test_an_address_that_is_none_is_told(address: str, said: str) -> None:
    with pytest.raises(Unavailable, match=said):
        begin(address, LEDGER)


@pytest.mark.parametrize("mode", [0o2770, 0o700])
def test_who_may_write_in_the_folder_may_among_the_documents_of_a_ledger(mode: int, tmp_path: Path) -> None:
    """Colleagues have accounts of their own, and a group in common."""
    tmp_path.chmod(mode)
    begin(str(tmp_path), LEDGER)
    blob = put(place_at(str(tmp_path), LEDGER), b"x")
    file = tmp_path / LEDGER.hex() / name_of(blob)
    assert [path.stat().st_mode & 0o7777 for path in (file.parent.parent, file.parent)] == [mode, mode]
    assert file.stat().st_mode & 0o7777 == mode & 0o666


def test_a_folder_that_is_not_mounted_is_not_made_on_this_machine(tmp_path: Path) -> None:
    begin(str(tmp_path), LEDGER)
    place_at(str(tmp_path), LEDGER)
    (tmp_path / LEDGER.hex()).rmdir()
    with pytest.raises(Unavailable, match=f"no folder {tmp_path}/{LEDGER.hex()} .* mount what holds it, or make it"):
        place_at(str(tmp_path), LEDGER)
    assert list(tmp_path.iterdir()) == []


def test_a_bucket_that_is_not_there_or_out_of_reach_is_told(bucket_server: BucketServer) -> None:
    address = f"s3://nobody/x?endpoint={bucket_server.endpoint}"
    gone = place_at(address, LEDGER)
    for work in (
        lambda: begin(address, LEDGER),
        lambda: put(gone, b"x"),
        lambda: content(gone, bytes(32)),
        lambda: names(gone),
    ):
        with pytest.raises(Unavailable, match=r"s3://nobody/x/.*bucket does not exist"):
            work()


def test_an_object_that_breaks_off_is_fetched_from_there_on(
    bucket_server: BucketServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.exceptions import ResponseStreamingError
    from botocore.response import StreamingBody

    place = place_at(bucket_server.bucket(), LEDGER)
    data = os.urandom(5 << 20)
    blob = put(place, data)
    read, turn, broken = StreamingBody.read, count(1), {1, 2, 5, 6, 8}

    def cut(self: Any, amt: int | None = None) -> bytes:
        if next(turn) in broken:
            raise ResponseStreamingError(error="cut")
        return bytes(read(self, amt))

    monkeypatch.setattr(StreamingBody, "read", cut)
    assert content(place, blob) == data
    broken.update(range(1000))
    with pytest.raises(Unavailable, match="s3://"):
        content(place, blob)


def test_a_document_that_changed_under_the_bucket_itself_is_tampered(
    bucket_server: BucketServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server then tells the checksum of what was once put, and boto3 compares."""
    from botocore.httpchecksum import Crc32Checksum

    place = place_at(bucket_server.bucket(), LEDGER)
    blob = put(place, b"a document")
    digest = Crc32Checksum.digest
    monkeypatch.setattr(Crc32Checksum, "digest", lambda self: digest(self)[::-1])
    with pytest.raises(Tampered, match="was changed"):
        content(place, blob)


def test_an_upload_to_a_bucket_that_was_killed_is_listed_and_can_be_removed(bucket_server: BucketServer) -> None:
    address = bucket_server.bucket()
    place = place_at(address, LEDGER)
    bucket = address.removeprefix("s3://").split("/")[0]
    key = f"documents/{LEDGER.hex()}/{name_of(bytes(32))}"
    bucket_server.s3.create_multipart_upload(Bucket=bucket, Key=key)
    [half] = place.listed()
    assert half.blob is None
    assert half.name.startswith(f"{name_of(bytes(32))}#")
    place.remove(half.name)
    assert names(place) == []


@contextmanager
def tables(url: str) -> Iterator[Table]:
    at = place_of(url)
    assert isinstance(at, Address)
    create_store(at).close()
    table = Table(at)
    yield table
    table.close()


def test_reading_tables_goes_on_over_a_new_connection(postgres_url: str, postgres_server: Server) -> None:
    with tables(postgres_url) as place:
        data = os.urandom(SIZE) * 9
        blob = put(place, data)
        got = b""
        for piece in place.read(blob):
            got += piece
            postgres_server.kill_backends()
        assert got == data


def test_an_upload_whose_connection_breaks_off_is_undone(postgres_url: str, postgres_server: Server) -> None:
    with tables(postgres_url) as place:

        def upload() -> None:
            with place.new() as new:
                new.write(b"x" * SIZE * 3)
                postgres_server.kill_backends()
                new.publish(bytes(32))

        with pytest.raises(Unavailable):
            upload()
        assert names(place) == []
        assert content(place, put(place, b"again")) == b"again"


@pytest.mark.parametrize("durable", [True, False])
def test_an_upload_whose_end_nobody_confirmed_is_looked_for(
    postgres_url: str, postgres_server: Server, monkeypatch: pytest.MonkeyPatch, durable: bool
) -> None:
    import psycopg

    execute = psycopg.Connection.execute

    def cut(self: Any, query: Any, *more: Any, **options: Any) -> Any:
        if query != "COMMIT":
            return execute(self, query, *more, **options)
        if durable:
            execute(self, query)
        postgres_server.kill_backends()
        return execute(self, "SELECT 1")

    with tables(postgres_url) as place:
        with monkeypatch.context() as patched:
            patched.setattr(psycopg.Connection, "execute", cut)
            if durable:
                put(place, b"x")
            else:
                with pytest.raises(Unavailable):
                    put(place, b"x")
        assert place.has(sha256(b"x").digest()) == durable


def test_a_planted_piece_is_not_fetched_when_it_is_huge(postgres_url: str, postgres_server: Server) -> None:
    with tables(postgres_url) as place:
        blob = put(place, b"x")
        schema = place_of(postgres_url)
        assert isinstance(schema, Address)
        postgres_server.sql(f"UPDATE {schema.schema}.blob_piece SET data = convert_to(repeat('x', 1 << 20), 'UTF8')")
        with pytest.raises(Tampered, match="was changed"):
            content(place, blob)


def test_the_rights_of_a_writer_suffice_and_those_of_a_reader_are_for_reading(
    postgres_url: str, postgres_server: Server
) -> None:
    with tables(postgres_url) as place:
        blob = put(place, b"x")
    at = place_of(postgres_url)
    assert isinstance(at, Address)
    roles = {"writer": "SELECT, INSERT, DELETE", "reader": "SELECT"}
    for role, rights in roles.items():
        name = f"{role}_{at.schema}"
        postgres_server.sql(f"CREATE ROLE {name} LOGIN")
        postgres_server.sql(f"GRANT USAGE ON SCHEMA {at.schema} TO {name}")
        postgres_server.sql(f"GRANT {rights} ON {at.schema}.blob, {at.schema}.blob_piece TO {name}")
    writer, reader = (
        Table(at._replace(parameters=(*at.parameters, ("user", f"{role}_{at.schema}")))) for role in roles
    )
    assert content(reader, blob) == b"x"
    assert names(reader) == [name_of(blob)]
    for work in (lambda: put(reader, b"y"), lambda: reader.delete([blob])):
        with pytest.raises(Unavailable, match="permission denied"):
            work()
    put(writer, b"y")
    writer.delete([blob])
    assert names(reader) == [name_of(sha256(b"y").digest())]
    for table in (writer, reader):
        table.close()
    for role in roles:
        postgres_server.sql(f"DROP OWNED BY {role}_{at.schema}")
        postgres_server.sql(f"DROP ROLE {role}_{at.schema}")


def test_without_boto3_a_bucket_is_refused_in_a_sentence() -> None:
    code = (
        "import sys; sys.modules['boto3'] = None\n"
        "from store.blobplace import place_at\n"
        "from store.errors import Unavailable\n"
        "try: place_at('s3://b/p', bytes(16))\n"
        "except Unavailable as problem: print(problem)\n"
    )
    words = [sys.executable, "-P", "-c", code]
    done = subprocess.run(words, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True)
    assert done.stdout == "documents in a bucket need boto3: install bo-ledger[s3]\n"
