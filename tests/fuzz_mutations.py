"""Ways to spoil a file's content, by a random generator and by nothing else: a seed gives the same file."""

import json
import struct
import zlib
from random import Random

NUMBERS = (
    *("0", "-1", "1", "255", "65536", "2147483648", "4294967295", "9223372036854775808", "1" + "0" * 30),
    *("1e309", "-1e308", "1e-320", "NaN", "nan", "Infinity", "-inf", "0x10", "1_0", "１２", "1.5", "+3", ""),
    "5000000",
)  # fmt: skip
TEXTS = (
    *("", "\0", "\n", '"', "'", ",", ";", "\\", "=1+1", "@SUM(A1)", "../../x", "/etc/passwd", "C:\\x"),
    *("\u2028", "\x1b[2J", "$(touch x)", "`x`", "{wildcard}", "a" * 5000, "\ud800", "ä\u0308", "\u202e", "|"),
    "<script>alert(1)</script>",
)  # fmt: skip
VALUES = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 10**30, 1.5, float("nan"), float("inf"), -1e308, 1e6),
    *("", "x", "1", [], [[]], [None], {}, {"a": 1}, [1, [2, [3]]], "\0", "a" * 999),
)


def spoiled(data: bytes, random: Random) -> bytes:
    """Bytes with one to four faults: flipped, lost, doubled, moved, cut."""
    content = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        random.choice(FAULTS)(content, random)
    return bytes(content)


def _flip(content: bytearray, random: Random) -> None:
    for _ in range(random.choice((1, 1, 2, 8))):
        if content:
            content[random.randrange(len(content))] ^= 1 << random.randrange(8)


def _number(content: bytearray, random: Random) -> None:
    size = random.choice((1, 2, 4, 8))
    if len(content) >= size:
        place = random.randrange(len(content) - size + 1)
        value = random.choice(
            (0, 1, 2 ** (8 * size) - 1, 2 ** (8 * size - 1), random.getrandbits(8 * size), 255)
        )
        content[place : place + size] = (value % 2 ** (8 * size)).to_bytes(
            size, random.choice(("big", "little"))
        )


def _slice(content: bytearray, random: Random) -> slice:
    start = random.randrange(len(content) + 1)
    return slice(start, min(len(content), start + random.choice((1, 4, 16, 64, 999))))


def _lose(content: bytearray, random: Random) -> None:
    del content[_slice(content, random)]


def _double(content: bytearray, random: Random) -> None:
    part = content[_slice(content, random)]
    place = random.randrange(len(content) + 1)
    content[place:place] = part * random.choice((1, 2, 50))


def _clear(content: bytearray, random: Random) -> None:
    part = _slice(content, random)
    content[part] = bytes([random.choice((0, 255, 48))]) * len(content[part])


def _insert(content: bytearray, random: Random) -> None:
    place = random.randrange(len(content) + 1)
    content[place:place] = random.choice((random.randbytes(random.choice((1, 4, 64))), _text(random)))


def _cut(content: bytearray, random: Random) -> None:
    del content[random.randrange(len(content) + 1) :]


def _text(random: Random) -> bytes:
    return random.choice((*NUMBERS, *TEXTS)).encode("utf-8", "surrogatepass")


FAULTS = (_flip, _flip, _number, _number, _lose, _double, _clear, _insert, _cut)


def spoiled_text(text: str, random: Random, separators: str = ",") -> bytes:
    """A table's text with a cell, a line or a byte spoiled."""
    kind = random.randrange(6)
    lines = text.split("\n")
    place = random.randrange(len(lines))
    if kind < 3:
        cells = lines[place].split(separators)
        cells[random.randrange(len(cells))] = random.choice(random.choice((NUMBERS, TEXTS)))
        lines[place] = separators.join(cells)
    elif kind == 3:
        lines.insert(random.randrange(len(lines) + 1), lines[place])
    elif kind == 4:
        cells = lines[place].split(separators)
        del cells[random.randrange(len(cells))]
        lines[place] = separators.join(cells)
    else:
        return spoiled(text.encode(), random)
    return random.choice(("\n", "\n", "\r\n", "\r")).join(lines).encode("utf-8", "surrogatepass")


def spoiled_value(value: object, random: Random) -> object:
    """A nest of mappings and lists (changed in place) with one to three entries replaced, lost or doubled."""
    for _ in range(random.choice((1, 1, 2, 3))):
        holders = list(_holders(value))
        if not holders:
            break
        holder = random.choice(holders)
        key = random.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        kind = random.randrange(8)
        if kind == 0:
            del holder[key]
        elif kind == 1 and isinstance(holder, dict):
            holder[random.choice(TEXTS[:9])] = holder[key]
        elif kind == 1:
            holder.append(holder[key])
        elif kind == 2 and isinstance(holder[key], int | float):
            holder[key] = holder[key] * random.choice((-1, 0, 1000, 1e30, 0.5))
        else:
            holder[key] = random.choice(random.choice((VALUES, TEXTS)))
    return value


def _holders(value: object):
    if isinstance(value, dict | list) and value:
        yield value
        for each in value.values() if isinstance(value, dict) else value:
            yield from _holders(each)


def spoiled_json(text: str, random: Random) -> bytes:
    """JSON text with entries or bytes spoiled, or nested without end."""
    kind = random.randrange(10)
    if kind == 0:
        return b"[" * random.choice((10, 1000, 100_000)) + text.encode()
    if kind < 3:
        return spoiled(text.encode(), random)
    value = spoiled_value(json.loads(text), random)
    return json.dumps(value, ensure_ascii=True).encode()


def with_checksums(png: bytes) -> bytes:
    """A PNG whose chunks have right checksums, as far as there are chunks."""
    content, place = bytearray(png), 8
    while place + 12 <= len(content):
        (length,) = struct.unpack(">I", content[place : place + 4])
        end = place + 8 + length
        if end + 4 > len(content):
            break
        content[end : end + 4] = struct.pack(">I", zlib.crc32(content[place + 4 : end]))
        place = end + 4
    return bytes(content)
