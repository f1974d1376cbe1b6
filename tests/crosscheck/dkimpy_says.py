"""dkimpy's side of the cross-check: signs messages, and says what it thinks of signed ones.

dkimpy_says.py sign KEYS       prints a JSON line for each message that dkimpy signs
dkimpy_says.py seal KEYS       the same for messages with ARC chains
dkimpy_says.py verify          reads JSON lines (id, message in Base64, keys by name), prints id and verdict of each
"""

import base64
import itertools
import json
import logging
import sys

import dkim
from cryptography.hazmat.primitives import serialization

HEADER = (
    b"Received: from a.test by b.test\r\nReceived: from c.test by a.test\r\n"
    b"From: Ann <ann@good.test>\r\nTo: bob@there.test,\r\n\teve@there.test\r\n"
    b"Subject:  Your \t invoice \r\nX-Empty:\r\nDate: Fri, 11 Jul 2025 21:00:37 +0000\r\n"
)
BODIES = {
    "plain": b"Hello  Bob,\r\n\r\nhere it is.\r\n",
    "empty": b"",
    "one-line-end": b"\r\n",
    "no-line-end": b"Hello Bob\r\n\r\nbye",
    "line-ends": b"Hello\r\n\r\n\r\n\r\n",
    "white-lines": b"Hello \r\n \r\n\t\r\n  \t \r\n",
    "white-only": b" \r\n\t\r\n",
    "bare-cr": b"Hello\rBob \r\r\nbye\r\n",
    "eight-bit": "Größe  \t é\r\n".encode(),
    "white-end": b"Hello\r\nbye \t",
}
FORMS = [(h, b) for h in (b"simple", b"relaxed") for b in (b"simple", b"relaxed")]
KINDS = {"rsa-2048": b"rsa-sha256", "rsa-1024": b"rsa-sha256", "ed25519": b"ed25519-sha256"}


def key_of(directory, kind):
    """The private key as dkimpy wants it, and the record of the public one."""
    with open(f"{directory}/{kind}.pem", "rb") as file:
        pem = file.read()
    key = serialization.load_pem_private_key(pem, None)
    if kind == "ed25519":
        raw = key.private_bytes(
            serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()
        )
        public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return base64.b64encode(raw), "v=DKIM1; k=ed25519; p=" + base64.b64encode(public).decode()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public = key.public_key().public_bytes(serialization.Encoding.DER, form)
    return pem, "v=DKIM1; k=rsa; p=" + base64.b64encode(public).decode()


def sign(directory):
    for kind, algorithm in KINDS.items():
        private, record = key_of(directory, kind)
        for (name, body), form, length in itertools.product(BODIES.items(), FORMS, (False, True)):
            message = HEADER + b"\r\n" + body
            field = dkim.DKIM(message).sign(
                b"s1", b"good.test", private, signature_algorithm=algorithm, canonicalize=form, length=length,
                include_headers=[b"from", b"to", b"subject", b"date", b"x-empty", b"x-none", b"from"],
            )
            id = f"dkimpy {kind} {b'/'.join(form).decode()} {name}{' l=' if length else ''}"
            print(json.dumps({
                "id": id,
                "message": base64.b64encode(field + message).decode(),
                "keys": {"s1._domainkey.good.test": record},
            }))


def seal(directory):
    private, record = key_of(directory, "rsa-2048")
    for name, body in BODIES.items():
        message = HEADER + b"\r\n" + body
        for instance in (1, 2, 3):
            found = b"Authentication-Results: mx.test; dkim=pass header.d=good.test; arc=%s\r\n"
            found %= b"none" if instance == 1 else b"pass"
            message = b"".join(dkim.arc_sign(found + message, b"s1", b"good.test", private, b"mx.test")) + message
            print(json.dumps({
                "id": f"arc {instance} /relaxed {name}",
                "message": base64.b64encode(message).decode(),
                "keys": {"s1._domainkey.good.test": record},
            }))


def verdict(message, keys, arc):
    def lookup(name, timeout=5):
        record = keys.get(name.decode().rstrip("."))
        return None if record is None else record.encode()

    try:
        if arc:
            return (dkim.arc_verify(message, dnsfunc=lookup)[0] or b"none").decode()
        return "pass" if dkim.DKIM(message, minkey=1024).verify(dnsfunc=lookup) else "fail"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def verify():
    for line in sys.stdin:
        case = json.loads(line)
        said = verdict(base64.b64decode(case["message"]), case["keys"], case["id"].startswith("arc"))
        print(json.dumps({"id": case["id"], "said": said}))


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    match sys.argv[1:]:
        case ["sign", directory]:
            sign(directory)
        case ["seal", directory]:
            seal(directory)
        case ["verify"]:
            verify()
