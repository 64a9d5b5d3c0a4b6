#!/usr/bin/env python3
"""Checks a Custos receipt and a chain of entries with Python alone: no package, no server, no code of ours.

    check.py receipt FILE VKEY [RECORD]   the receipt's entry is in the tree that the log's key signed;
                                          with RECORD, the entry is these very bytes
    check.py chain BUNDLE...              records as /tile/entries/N gives them, in order: each names the one before

Formats: docs/FORMAT.md, c2sp.org/tlog-proof, c2sp.org/signed-note, RFC 6962, RFC 8032. Exit 0: it holds; 1: it does not.
"""
import base64, hashlib, sys

sha = lambda b: hashlib.sha256(b).digest()
leaf_hash = lambda record: sha(b"\0" + record)
node_hash = lambda left, right: sha(b"\1" + left + right)

# Ed25519, RFC 8032 section 5.1.
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
I = pow(2, (P - 1) // 4, P)

def add(a, b):
    x, y = a[0] * b[1] + b[0] * a[1], a[1] * b[1] + a[0] * b[0]
    t = D * a[0] * b[0] * a[1] * b[1] % P
    return x * pow(1 + t, P - 2, P) % P, y * pow(1 - t, P - 2, P) % P

def times(n, a):
    out = (0, 1)
    while n:
        if n & 1: out = add(out, a)
        a, n = add(a, a), n >> 1
    return out

def point(b):
    n = int.from_bytes(b, "little")
    y, sign = n & (2**255 - 1), n >> 255
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P: x = x * I % P
    assert y < P and (x * x - xx) % P == 0, "not a point of the curve"
    return (P - x if x & 1 != sign else x), y

BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))

def signed(key, message, signature):
    s = int.from_bytes(signature[32:], "little")
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    return s < L and times(s, BASE) == add(point(signature[:32]), times(h, point(key)))

def checkpoint(note, vkey):
    """Returns size and root of the tree that the key signed."""
    name, number, key = vkey.strip().split("+", 2)
    raw = base64.b64decode(key, validate=True)
    assert raw[:1] == b"\1" and len(raw) == 33, "the verifier key is not Ed25519"
    assert sha(name.encode() + b"\n" + raw)[:4].hex() == number, "the verifier key's number is wrong"
    text, signatures = note.split("\n\n", 1)
    text += "\n"
    for line in signatures.splitlines():
        _, who, blob = line.split(" ")
        blob = base64.b64decode(blob, validate=True)
        if who == name and blob[:4].hex() == number:
            assert len(blob) == 68 and signed(raw[1:], text.encode(), blob[4:]), "the signature does not hold"
            origin, size, root = text.splitlines()[:3]
            assert origin == name, "another log's checkpoint"
            return int(size), base64.b64decode(root, validate=True)
    raise AssertionError("not signed by this key")

def included(leaf, index, size, path, root):
    """RFC 9162 section 2.1.3.2."""
    assert index < size, "the entry is beyond the tree"
    fn, sn, r = index, size - 1, leaf
    for p in path:
        assert sn, "the path is too long"
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while fn and not fn & 1: fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    assert sn == 0 and r == root, "the entry is not in the signed tree"

def receipt(text, vkey, record=None):
    head, note = text.split("\n\n", 1)
    lines = head.split("\n")
    assert lines.pop(0) == "c2sp.org/tlog-proof@v1", "not a tlog-proof"
    leaf = base64.b64decode(lines.pop(0)[6:], validate=True) if lines[0].startswith("extra ") else None
    if record is not None:
        assert leaf in (None, leaf_hash(record)), "the record is not the receipt's entry"
        leaf = leaf_hash(record)
    assert leaf is not None, "the receipt does not hold its entry's hash: give the record"
    assert lines[0].startswith("index "), "no index"
    index = int(lines.pop(0)[6:])
    size, root = checkpoint(note, vkey)
    included(leaf, index, size, [base64.b64decode(l, validate=True) for l in lines], root)
    return index, size

def item(b, at):
    """Skips one CBOR item; returns its argument, where its content begins and where it ends."""
    major, n = b[at] >> 5, b[at] & 31
    at += 1
    if n >= 24:
        width = 1 << (n - 24)
        n, at = int.from_bytes(b[at:at + width], "big"), at + width
    end = at + n if major in (2, 3) else at
    for _ in range(n * (major - 3) if major in (4, 5) else 0):
        end = item(b, end)[2]
    return n, at, end

def envelope(record):
    """The record's keys up to prev: format, rules, log, sequence number, hash of the entry before."""
    at, out = item(record, 0)[1], {}
    for _ in range(5):
        key, _, at = item(record, at)
        n, begin, end = item(record, at)
        out[key], at = (record[begin:end] if end > begin else n), end
    return out

def chain(bundles):
    before, count, last = None, 0, None
    for b in bundles:
        while b:
            n = int.from_bytes(b[:2], "big")
            record, b = b[2:2 + n], b[2 + n:]
            e = envelope(record)
            if before is not None:
                assert (e[4], e[5]) == (last + 1, before), f"entry {e[4]} does not follow {last}"
            before, last, count = leaf_hash(record), e[4], count + 1
    return count, last, before

def read(name):
    with open(name, "rb") as f: return f.read()

if __name__ == "__main__":
    try:
        match sys.argv[1:]:
            case ["receipt", name, vkey, *more] if len(more) < 2:
                index, size = receipt(read(name).decode(), vkey, *(read(m) for m in more))
                print(f"entry {index} is in the signed tree of {size} entries")
            case ["chain", first, *more]:
                count, last, head = chain(map(read, [first, *more]))
                print(f"{count} entries up to {last} follow each other; the last one's hash is {base64.b64encode(head).decode()}")
            case _:
                sys.exit(__doc__)
    except (AssertionError, ValueError, IndexError) as e:
        sys.exit(f"DOES NOT HOLD: {e}")
