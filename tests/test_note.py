import shutil
import subprocess
from base64 import b64decode, b64encode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import example, given
from hypothesis import strategies as st

from store import note
from store.errors import Malformed
from store.note import Checkpoint
from store.tree import ProofError

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = PRIVATE.public_key().public_bytes_raw()
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
DEVICE = bytes(range(16))
ORIGIN = note.origin_of(bytes(range(16, 32)))
NAME = note.key_name(ORIGIN, DEVICE)
ROOT = bytes(range(100, 132))
TEXT = note.checkpoint_text(ORIGIN, 1234, ROOT)
HEAD = note.sign(TEXT, NAME, PRIVATE)

# The example in C2SP signed-note.
VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SIGNED = (
    "This is an example message.\n\n— example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()
# The example in Go's golang.org/x/mod/sumdb/note.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
IF_YOU_THINK = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
).encode()


def signed(text: str, name: str = NAME) -> bytes:
    """A note without the checks of `sign`."""
    signature = PRIVATE.sign(text.encode())
    return f"{text}\n— {name} {b64encode(note.key_id(name, PUBLIC) + signature).decode()}\n".encode()


@pytest.mark.parametrize(("vkey", "data"), [(VKEY, SIGNED), (PETER, IF_YOU_THINK)])
def test_notes_of_others_verify(vkey: str, data: bytes) -> None:
    name, public = note.parse_verifier_key(vkey)
    assert note.verifier_key(name, public) == vkey
    read = note.parse_note(data)
    note.verify_note(read, name, public)
    with pytest.raises(ProofError, match="has not signed"):
        note.verify_note(read, name, PUBLIC)
    with pytest.raises(ProofError, match="does not fit"):
        note.verify_note(note.parse_note(data.replace(b"a", b"e", 1)), name, public)


def test_a_head_is_three_lines_and_comes_back() -> None:
    assert signed(TEXT) == HEAD
    assert TEXT.split("\n") == [ORIGIN, "1234", b64encode(ROOT).decode(), ""]
    head = note.parse(HEAD, ORIGIN)
    assert (head.origin, head.size, head.root, head.text, head.name) == (ORIGIN, 1234, ROOT, TEXT, NAME)
    assert head.device == DEVICE
    note.verify(head, PUBLIC)
    assert note.parse(HEAD) == head


def test_another_key_another_text_or_another_name_does_not_verify() -> None:
    other = OTHER.public_key().public_bytes_raw()
    head = note.parse(HEAD, ORIGIN)
    with pytest.raises(ProofError, match="another key"):
        note.verify(head, other)
    changed = note.parse(HEAD.replace(b"1234", b"1235"), ORIGIN)
    with pytest.raises(ProofError, match="does not fit"):
        note.verify(changed, PUBLIC)
    renamed = note.parse(HEAD.replace(DEVICE.hex().encode(), bytes(16).hex().encode()), ORIGIN)
    with pytest.raises(ProofError, match="another key"):
        note.verify(renamed, PUBLIC)
    forged = Checkpoint(ORIGIN, 1234, ROOT, TEXT, NAME, note.key_id(NAME, other), head.signature)
    with pytest.raises(ProofError, match="does not fit"):
        note.verify(forged, other)


SIGNATURE_LINE = HEAD[HEAD.index("—".encode()) :]
MUTATIONS = {
    "empty": b"",
    "extra signature": HEAD + SIGNATURE_LINE,
    "no signature": HEAD.removesuffix(SIGNATURE_LINE),
    "no blank line": HEAD.replace(b"\n\n", b"\n"),
    "CRLF": HEAD.replace(b"\n", b"\r\n"),
    "one CR": signed(TEXT.replace("1234", "1234\r")),
    "tab": signed(TEXT.replace("1234", "\t1234")),
    "no final newline": HEAD[:-1],
    "two final newlines": HEAD + b"\n",
    "trailing bytes": HEAD + b"x",
    "trailing line": HEAD + b"x\n",
    "blank after signature": HEAD[:-1] + b" \n",
    "wrong origin": signed(TEXT.replace("bo.internal", "bo.external")),
    "empty origin": signed("\n1234\n" + b64encode(ROOT).decode() + "\n"),
    "key of another origin": signed(TEXT, NAME.replace("bo.internal", "bo.external")),
    "key without device": signed(TEXT, ORIGIN),
    "key with capitals": signed(TEXT, ORIGIN + "/" + DEVICE.hex().upper()),
    "longer device": signed(TEXT, NAME + "00"),
    "leading zero": signed(TEXT.replace("1234", "01234")),
    "plus": signed(TEXT.replace("1234", "+1234")),
    "minus": signed(TEXT.replace("1234", "-1")),
    "underscore": signed(TEXT.replace("1234", "1_234")),
    "other digits": signed(TEXT.replace("1234", "١٢")),
    "blank before size": signed(TEXT.replace("1234", " 1234")),
    "no size": signed(TEXT.replace("1234", "")),
    "2^53": signed(TEXT.replace("1234", str(2**53))),
    "many digits": signed(TEXT.replace("1234", "9" * 6000)),
    "root of 31 bytes": signed(note.checkpoint_text(ORIGIN, 1234, ROOT[:31])),
    "root of 33 bytes": signed(note.checkpoint_text(ORIGIN, 1234, ROOT + b"\0")),
    "root with loose bits": signed(TEXT.replace("goM=", "goN=")),
    "root without padding": signed(TEXT.replace("=", "")),
    "root with blank": signed(TEXT.replace("=\n", "= \n")),
    "extension line": signed(TEXT + "more\n"),
    "two lines": signed(f"{ORIGIN}\n1234\n"),
    "text without newline": signed(TEXT).replace(b"=\n\n", b"=\n", 1),
    "no dash": HEAD.replace("— ".encode(), b""),
    "hyphen for dash": HEAD.replace("—".encode(), b"-"),
    "no blank after dash": HEAD.replace("— ".encode(), "—".encode()),
    "two blanks": HEAD.replace("— ".encode(), "—  ".encode()),
    "not UTF-8": HEAD.replace(b"1234", b"\xff"),
    "surrogate": HEAD.replace(b"1234", b"\xed\xa0\x80"),
    "byte order mark": b"\xef\xbb\xbf" + HEAD,
    "too long": b"x" * 70_000 + HEAD,
}


@pytest.mark.parametrize("data", MUTATIONS.values(), ids=MUTATIONS.keys())
def test_a_head_written_in_any_other_way_is_refused(data: bytes) -> None:
    assert data != HEAD
    with pytest.raises(Malformed):
        note.parse(data, ORIGIN)


def test_base64_has_one_spelling() -> None:
    encoded = HEAD[:-1].rsplit(b" ", 1)[1]
    assert b64decode(encoded) == note.key_id(NAME, PUBLIC) + PRIVATE.sign(TEXT.encode())
    digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    loose = encoded[:-2] + digits[digits.index(encoded[-2]) + 1 :][:1] + b"="
    assert b64decode(loose) == b64decode(encoded)
    for other in (loose, encoded[:-1], encoded + b"=", encoded[:8] + b"\n" + encoded[8:], encoded.replace(b"/", b"_")):
        if other != encoded:
            with pytest.raises(Malformed):
                note.parse(HEAD.replace(encoded, other), ORIGIN)
    for text in ("=", "A", "AA", "AA=", "AB==", "A===", "é", "AAAA\n"):
        with pytest.raises(Malformed):
            note.decode64(text)
    assert note.decode64("AA==", 1) == b"\0"


def test_a_note_has_at_most_64_kib() -> None:
    room = 64 * 1024 - len(note.sign("\n", "request", PRIVATE))
    assert note.parse_note(note.sign("x" * room + "\n", "request", PRIVATE))
    with pytest.raises(Malformed, match="at most 65536 bytes, not 65537"):
        note.parse_note(note.sign("x" * (room + 1) + "\n", "request", PRIVATE))


ORDER = 0x1000000000000000000000000000000014DEF9DEA2F79CD65812631A5CF5D3ED
"""Of the base point, as RFC 7748 has it."""


def test_s_plus_the_order_is_refused() -> None:
    assert note.ORDER == ORDER
    head = note.parse(HEAD, ORIGIN)
    high = int.from_bytes(head.signature[32:], "little") + ORDER
    again = head.signature[:32] + high.to_bytes(32, "little")
    with pytest.raises(ProofError, match="not a canonical Ed25519 signature"):
        note.verify_bytes(TEXT.encode(), again, PUBLIC)
    for length in (0, 63, 65):
        with pytest.raises(ProofError, match="not a canonical Ed25519 signature"):
            note.verify_bytes(TEXT.encode(), (head.signature + b"\0")[:length], PUBLIC)


Point = tuple[int, int]


def plus(one: Point, two: Point) -> Point:
    """Addition on edwards25519, as RFC 8032 has it."""
    (x1, y1), (x2, y2), p = one, two, note.PRIME
    k = note.D * x1 * x2 * y1 * y2
    return (x1 * y2 + x2 * y1) * pow(1 + k, -1, p) % p, (y1 * y2 + x1 * x2) * pow(1 - k, -1, p) % p


def x_of(y: int) -> int:
    p = note.PRIME
    square = (y * y - 1) * pow(note.D * y * y + 1, -1, p) % p
    x = pow(square, (p + 3) // 8, p)
    if x * x % p != square:
        x = x * pow(2, (p - 1) // 4, p) % p
    assert x * x % p == square
    return x


def test_the_points_of_small_order_are_refused() -> None:
    found = set()
    for y in note.SMALL_ORDER:
        x = x_of(y)
        for sign in {x, -x % note.PRIME}:
            point = (sign, y)
            for _ in range(3):
                point = plus(point, point)
            assert point == (0, 1)
            found.add((sign, y))
        for bit in (0, 1 << 255):
            with pytest.raises(Malformed, match="small order"):
                note.check_public_key((y | bit).to_bytes(32, "little"))
    assert len(found) == 8  # the whole subgroup: there are no others


@pytest.mark.parametrize("y", [note.PRIME + step for step in range(19)])
def test_a_key_not_written_canonically_is_refused(y: int) -> None:
    for bit in (0, 1 << 255):
        with pytest.raises(Malformed, match="not written canonically"):
            note.check_public_key((y | bit).to_bytes(32, "little"))


def test_only_points_of_the_curve_are_keys() -> None:
    note.check_public_key(PUBLIC)
    note.check_public_key((4 * pow(5, -1, note.PRIME) % note.PRIME).to_bytes(32, "little"))  # the base point
    with pytest.raises(Malformed, match="not a point"):
        note.check_public_key(b"\2" + bytes(31))
    with pytest.raises(Malformed, match="32 bytes, not 31"):
        note.check_public_key(PUBLIC[:31])


def test_under_a_small_order_key_anything_would_verify() -> None:
    """What the check is for: with A = R = the neutral point and S = 0 the equation holds for every text."""
    neutral = b"\1" + bytes(31)
    for text in (b"one", b"two"):
        with pytest.raises(Malformed, match="small order"):
            note.verify_bytes(text, neutral + bytes(32), neutral)


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        VKEY[:-1],
        VKEY + "\n",
        VKEY.replace("530d903a", "530D903A"),
        VKEY.replace("530d903a", "530d903b"),
        VKEY.replace("example", "examples"),
        VKEY.replace("+Aeky", "+Beky"),
        "a b" + VKEY[15:],
        VKEY[15:],
        note.verifier_key("x", PUBLIC).replace("+A", "+B", 1),
    ],
)
def test_a_verifier_key_that_does_not_fit_is_refused(vkey: str) -> None:
    with pytest.raises(Malformed):
        note.parse_verifier_key(vkey)


def test_a_request_may_have_blank_lines_and_a_reader_may_allow_more_signatures() -> None:
    text = "bo/device-request/v1\n\n{}\n"
    one = note.sign(text, "request", PRIVATE)
    two = one + note.sign(text, "other", OTHER).removeprefix(f"{text}\n".encode())
    assert note.parse_note(one).text == text
    with pytest.raises(Malformed, match="2 signatures, where 1"):
        note.parse_note(two)
    read = note.parse_note(two, most=16)
    note.verify_note(read, "request", PUBLIC)
    note.verify_note(read, "other", OTHER.public_key().public_bytes_raw())


@pytest.mark.parametrize(
    ("text", "name"),
    [("x", "n"), ("", "n"), ("x\r\n", "n"), ("x\n", ""), ("x\n", "a b"), ("x\n", "a+b"), ("x\n", "a\n")],
)
def test_what_could_not_be_read_back_is_not_signed(text: str, name: str) -> None:
    with pytest.raises(Malformed):
        note.sign(text, name, PRIVATE)


def test_openssl_accepts_our_signature_and_no_other(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not here")
    head = note.parse(HEAD, ORIGIN)
    key, text, signature = (tmp_path / name for name in ("key.pem", "text", "signature"))
    key.write_bytes(PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    signature.write_bytes(head.signature)
    files = ["-inkey", str(key), "-in", str(text), "-sigfile", str(signature)]
    arguments = [openssl, "pkeyutl", "-verify", "-rawin", "-pubin", *files]
    text.write_bytes(head.text.encode())
    good = subprocess.run(arguments, capture_output=True, text=True, check=False)
    text.write_bytes(head.text.replace("1234", "1235").encode())
    bad = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if "-rawin" in good.stderr:
        pytest.skip("this openssl is too old for -rawin")
    assert (good.returncode, "Signature Verified Successfully" in good.stdout) == (0, True)
    assert bad.returncode != 0


@given(st.text(alphabet="ab é—\n", max_size=20).map(lambda lines: lines + "\n"), st.text("ab/é.", min_size=1))
def test_what_is_signed_comes_back(text: str, name: str) -> None:
    read = note.parse_note(note.sign(text, name, PRIVATE))
    assert read.text == text
    note.verify_note(read, name, PUBLIC)


@given(st.integers(0, len(HEAD) - 1), st.binary(max_size=3), st.integers(0, 3))
@example(len(HEAD) - 1, b"", 1)
def test_no_edited_head_is_believed_and_only_our_errors_come_out(at: int, put: bytes, take: int) -> None:
    edited = HEAD[:at] + put + HEAD[at + take :]
    if edited == HEAD:
        return
    with pytest.raises(Malformed):
        note.verify(note.parse(edited, ORIGIN), PUBLIC)


@given(st.binary(max_size=300) | st.text(alphabet="— \n=Ab0/", max_size=60).map(str.encode))
@example(b"Ab0/Ab0/\n")
def test_any_bytes_are_one_note_or_refused(data: bytes) -> None:
    for start in ("", "a\n\n", "a\n\n— b ", f"{TEXT}\n— {NAME} "):
        whole = start.encode() + data
        try:
            read = note.parse_note(whole)
        except Malformed:
            continue
        [by] = read.signatures
        assert f"{read.text}\n— {by.name} {note.encode64(by.key_hash + by.signature)}\n".encode() == whole


@given(st.binary(max_size=300))
def test_any_bytes_are_no_head_and_no_verifier_key(data: bytes) -> None:
    for start in (b"", TEXT.encode(), TEXT.encode() + b"\n"):
        with pytest.raises(Malformed):
            note.parse(start + data)
    with pytest.raises(Malformed):
        note.parse_verifier_key(data.decode("latin-1"))
