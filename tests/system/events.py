"""Reads an event file of TensorBoard with code of its own, and compares its scalars with the CSV of lockstep history.
    events.py EVENTS CSV
The framing of records (TFRecord) with its masked CRC-32C, and the messages Event and Summary, field by field. If the
package tensorboard is there, its own reader must see the same."""
import csv
import math
import os
import struct
import sys


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def records(data):
    at = 0
    while at < len(data):
        head = data[at:at + 8]
        (length,) = struct.unpack("<Q", head)
        body = data[at + 12:at + 12 + length]
        assert struct.unpack("<I", data[at + 8:at + 12]) == (masked(head),), "checksum of a length"
        assert struct.unpack("<I", data[at + 12 + length:at + 16 + length]) == (masked(body),), "checksum of a record"
        yield body
        at += 16 + length
    assert at == len(data), "the last record is cut off"


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return value, at


def fields(data):
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = varint(data, at)
        elif wire == 1:
            value, at = struct.unpack("<d", data[at:at + 8])[0], at + 8
        elif wire == 5:
            value, at = struct.unpack("<f", data[at:at + 4])[0], at + 4
        else:
            assert wire == 2, wire
            length, at = varint(data, at)
            value, at = data[at:at + length], at + length
        yield number, value


def events(path):
    first, *rest = records(open(path, "rb").read())
    assert dict(fields(first))[3] == b"brain.Event:2"
    for record in rest:
        event = dict(fields(record))
        scalars = {}
        for number, value in fields(event[5]):
            assert number == 1
            scalar = dict(fields(value))
            scalars[scalar[1].decode()] = scalar[2]
        yield event[1], event[2], scalars


def tag(column):
    if "/" in column:
        return column
    for group in ("train", "valid", "seconds"):
        if column.startswith(group + "_"):
            return group + "/" + column[len(group) + 1:]
    return "train/" + column


def single(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def main():
    path, table = sys.argv[1:]
    rows = list(csv.DictReader(open(table)))
    found = list(events(path))
    assert len(rows) == len(found) > 0, (len(rows), len(found))
    for row, (time, step, scalars) in zip(rows, found):
        expected = {tag(c): single(float(v)) for c, v in row.items()
                    if v != "" and c not in ("epoch", "step", "time", "parameters_checksum")}
        assert scalars == expected, (scalars, expected)
        assert step == int(row["step"]), (step, row["step"])
        assert "time" not in row or time == float(row["time"]), time
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ImportError:
        print(f"{len(found)} events")
        return
    accumulator = EventAccumulator(os.path.dirname(path), size_guidance={"scalars": 0})
    accumulator.Reload()
    for name in accumulator.Tags()["scalars"]:
        ours = [(time, step, scalars[name]) for time, step, scalars in found if name in scalars]
        theirs = [(e.wall_time, e.step, e.value) for e in accumulator.Scalars(name)]
        assert ours == theirs and not any(math.isnan(value) for _, _, value in theirs), name
    print(f"{len(found)} events, seen by tensorboard")


main()
