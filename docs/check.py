#!/usr/bin/env python3
"""Checks a Custos receipt, or a chain of entries, with Python alone: no package, no server, no code of ours.
    check.py receipt FILE VKEY [RECORD]   the receipt's entry (these very bytes) is in the tree that the log's key signed
    check.py chain BUNDLE...              records as /tile/entries/N gives them, in order: each names the one before
Formats: docs/FORMAT.md, c2sp.org/tlog-proof, c2sp.org/signed-note, RFC 6962, RFC 8032. Exit 0: it holds; 1: not; 2: not read."""
import base64, hashlib, re, sys

raw, sha = lambda text: base64.b64decode(text, validate=True), lambda *b: hashlib.sha256(b"".join(b)).digest()
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493  # Ed25519, RFC 8032 section 5.1
D, I = -121665 * pow(121666, -1, P) % P, pow(2, (P - 1) // 4, P)

def add(a, b):
    x, y, t = a[0] * b[1] + b[0] * a[1], a[1] * b[1] + a[0] * b[0], D * a[0] * b[0] * a[1] * b[1]
    return x * pow(1 + t, -1, P) % P, y * pow(1 - t, -1, P) % P
def times(n, a): return (0, 1) if n == 0 else add(times(n // 2, add(a, a)), a if n & 1 else (0, 1))
def point(b):
    sign, y = divmod(int.from_bytes(b, "little"), 2**255)
    xx = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = next((x for x in (pow(xx, (P + 3) // 8, P) * i % P for i in (1, I)) if x * x % P == xx), None)
    assert y < P and x is not None, "not a point of the curve"
    return (P - x if x & 1 != sign else x), y
def signed(key, message, s):
    n, h = int.from_bytes(s[32:], "little"), int.from_bytes(hashlib.sha512(s[:32] + key + message).digest(), "little")
    return n < L and times(n, point(b"\x58" + b"\x66" * 31)) == add(point(s[:32]), times(h % L, point(key)))

def checkpoint(note, vkey):  # the size and the root that the key signed
    (name, number, key), (text, signatures) = vkey.strip().split("+", 2), note.split("\n\n", 1)
    key, (origin, size, root) = raw(key), text.split("\n")[:3]
    assert key[0] == 1 and len(key) == 33 and sha(name.encode(), b"\n", key)[:4].hex() == number, "not a verifier key of Ed25519"
    mine = [raw(s) for who, s in re.findall(r"^— (\S+) (\S+)$", signatures, re.M) if (who, raw(s)[:4].hex()) == (name, number)]
    assert mine and origin == name, "not signed by this key"
    assert all(len(s) == 68 and signed(key[1:], text.encode() + b"\n", s[4:]) for s in mine), "the signature does not hold"
    return int(size), raw(root)

def receipt(text, vkey, record=None):
    (first, *lines), note = text.split("\n\n", 1)[0].split("\n"), text.split("\n\n", 1)[1]
    named = raw(lines.pop(0)[6:]) if lines[0].startswith("extra ") else None
    r = sha(b"\0", record) if record is not None else named
    assert first == "c2sp.org/tlog-proof@v1" and lines[0].startswith("index "), "not a tlog-proof"
    assert r and named in (None, r), "the receipt names another record, or none: give the record"
    index, (size, root) = int(lines[0][6:]), checkpoint(note, vkey)
    fn, sn = index, size - 1  # RFC 9162 section 2.1.3.2
    assert index < size, "the entry is beyond the tree"
    for p in map(raw, lines[1:]):
        assert sn, "the path is too long"
        r, up = (sha(b"\1", p, r), fn == sn) if fn & 1 or fn == sn else (sha(b"\1", r, p), False)
        while up and fn and not fn & 1: fn, sn = fn >> 1, sn >> 1
        fn, sn = fn >> 1, sn >> 1
    assert sn == 0 and r == root, "the entry is not in the signed tree"
    return f"entry {index} is in the signed tree of {size} entries"

def chain(*bundles):  # a record begins with its keys 1 to 5: format, rules, log, sequence number, hash of the entry before
    begin = re.compile(rb"[\xac-\xb1]\x01\x01\x02(?:[\0-\x17]|\x18.)\x03P.{16}"
                       rb"\x04([\0-\x17]|\x18.|\x19..|\x1a.{4}|\x1b.{8})\x05X (.{32})", re.S)
    b, last, head, count = b"".join(bundles), None, None, 0
    while b:
        record, b = b[2:2 + int.from_bytes(b[:2], "big")], b[2 + int.from_bytes(b[:2], "big"):]
        seq, prev = begin.match(record).groups()
        n = int.from_bytes(seq[1:] or seq, "big")
        assert head is None or (n, prev) == (last + 1, head), f"entry {n} does not follow {last}"
        last, head, count = n, sha(b"\0", record), count + 1
    return f"{count} entries up to {last} follow each other; the last one's hash is {base64.b64encode(head).decode()}"

try:
    read = lambda name: open(name, "rb").read()
    match sys.argv[1:]:
        case ["receipt", name, vkey, *more] if len(more) < 2: print(receipt(read(name).decode(), vkey, *map(read, more)))
        case ["chain", first, *more]: print(chain(*map(read, [first, *more])))
        case _: print(__doc__); sys.exit(2)
except OSError as e: print(f"cannot be read: {e}", file=sys.stderr); sys.exit(2)
except (AssertionError, AttributeError, ValueError, IndexError, TypeError) as e: sys.exit(f"DOES NOT HOLD: {e}")
