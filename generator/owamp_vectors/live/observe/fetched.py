"""What is wrong with the results of a session that a client fetches (RFC 4656 §3.9)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from owamp_reference.connection import check_fetch_answer
from owamp_reference.errors import ProtocolError
from owamp_reference.messages import (
    LOST_ERROR_ESTIMATES,
    LOST_TTL,
    Accept,
    FetchAck,
    FetchData,
    FetchSession,
    PacketRecord,
)
from owamp_reference.packets import ErrorEstimate

from ..net.ntp import seconds, signed
from ..net.schedule import send_times
from . import set_up
from .steps import Judged, Remark, note, wrong

_SOURCE = FetchSession.SOURCE
_MAX_SCHEDULE = 100_000
"""Packets whose time by the schedule is computed: a record may have any number."""


def judge_fetch_ack(ack: FetchAck) -> Judged:
    """Fetch-Ack by itself."""
    problems = set_up.accept_remarks(ack.accept)
    if ack.accept != Accept.OK:
        try:
            check_fetch_answer(ack, None)
        except ProtocolError as error:
            problems.append(wrong(error, _SOURCE))
    elif ack.next_seqno and not ack.finished:
        unfinished = ProtocolError("Next Seqno", "0 unless finished", str(ack.next_seqno))
        problems.append(wrong(unfinished, _SOURCE))
    return f"Accept {ack.accept}, {_numbers(ack)}", problems


def judge_fetch_data(command: FetchSession, ack: FetchAck, data: FetchData) -> Judged:
    """The data of a session, against what was asked for and by themselves."""
    problems = []
    for record in data.records:
        if not command.begin_seq <= record.seq_number <= command.end_seq:
            expected = f"a number from {command.begin_seq} to {command.end_seq}, as asked"
            mismatch = ProtocolError("Seq Number", expected, str(record.seq_number))
            problems.append(wrong(mismatch, _SOURCE))
    problems += _record_remarks(command.sid, data)
    return _numbers(ack), problems


def _numbers(ack: FetchAck) -> str:
    return f"{ack.number_of_skip_ranges} skip ranges and {ack.number_of_records} records"


def _record_remarks(sid: bytes, data: FetchData) -> Iterator[Remark]:
    """The values of each record that do not depend on what was sent."""
    lost = [record.seq_number for record in data.records if not record.receive_timestamp]
    request, due = data.request, []
    if lost and request.slots:
        size = min(max(lost) + 1, request.number_of_packets, _MAX_SCHEDULE)
        due = list(islice(send_times(sid, request.start_time, request.slots), size))
    timeout = request.timeout
    for record in data.records:
        name = f"of record {record.seq_number}"
        try:
            ErrorEstimate.from_int(record.receive_error_estimate)
        except ProtocolError as error:
            yield wrong(f"Receive Error Estimate {name}: {error}", "RFC 4656 §4.1.2")
        if not record.receive_timestamp:
            yield from _lost_remarks(record, due, name)
        elif abs(signed(record.receive_timestamp - record.send_timestamp)) > timeout:
            text = f"Receive Timestamp {name}: expected one within Timeout of Send Timestamp, "
            text += f"{seconds(timeout):g} s, or no record: the packet has to be discarded"
            yield wrong(text, "RFC 4656 §4.2")
    if len(due) == _MAX_SCHEDULE:
        yield note(f"the times of lost packets from {len(due)} on are not checked", _SOURCE)


def _lost_remarks(record: PacketRecord, due: list[int], name: str) -> Iterator[Remark]:
    if record.ttl != LOST_TTL:
        error = ProtocolError(f"TTL {name}, lost", str(LOST_TTL), str(record.ttl))
        yield wrong(error, _SOURCE)
    if record.send_error_estimate not in LOST_ERROR_ESTIMATES:
        error = ProtocolError(
            f"Send Error Estimate {name}, lost",
            "Multiplier 1, Scale 64 and S 0, as 0001, 3f01 or 4001",
            f"{record.send_error_estimate:04x}",
        )
        yield wrong(error, _SOURCE)
    if record.seq_number < len(due) and record.send_timestamp != due[record.seq_number]:
        off = seconds(signed(record.send_timestamp - due[record.seq_number]))
        error = ProtocolError(
            f"Send Timestamp {name}, lost", "the time by the schedule", f"one {off:+.6f} s from it"
        )
        yield wrong(error, _SOURCE)
