"""Writes the golden files from the description in src/wal/mod.rs and src/slot.rs alone; run it in this folder."""

import struct


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


NOTE = b"a note\n"


def header(first: int, root: bytes) -> bytes:
    head = b"ONRECWAL" + struct.pack("<IIQ", 1, 0, first) + root + bytes(4)
    return head + struct.pack("<I", crc32c(head))


def frame(first: int, entries: list[tuple[bytes, bytes, bytes]]) -> bytes:
    body = b"".join(id + struct.pack("<II", len(record), len(beside)) + record + beside for id, record, beside in entries)
    content = body + NOTE
    head = b"ONRF" + struct.pack("<IQIII", len(entries), first, len(body), len(NOTE), crc32c(content))
    return head + struct.pack("<I", crc32c(head)) + content


def slot() -> bytes:
    start = b"ONRECCKP" + struct.pack("<II", 1, len(NOTE)) + NOTE
    start += bytes(4092 - len(start))
    return start + struct.pack("<I", crc32c(start))


def entry(i: int) -> tuple[bytes, bytes, bytes]:
    return bytes([i]) * 16, bytes([i]) * (i * 7), bytes([i]) * (i % 3)


with open("example.wal", "wb") as file:
    file.write(header(9, bytes([3]) * 32) + frame(9, [entry(i) for i in (0, 1)]) + frame(11, [entry(i) for i in (2, 3, 4)]))
with open("checkpoint", "wb") as file:
    file.write(slot() * 2)
