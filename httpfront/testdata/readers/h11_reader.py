"""Reads HTTP/1.1 connections with h11, for differential_test.go.

Standard input: frames of a length (4 bytes, little-endian) and that many bytes, all that a client sends on one
connection. Standard output: for each frame the list of messages and how the reading ended, as one line of JSON.
"""

import json
import sys

import h11

OK = h11.Response(status_code=200, headers=[("Content-Length", "0")], reason=b"OK")


def read(wire):
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    if wire:  # no bytes would mean the end
        connection.receive_data(wire)
    messages, body, request = [], [], None

    def end(kind, why=""):
        return {"messages": messages, "end": kind, "why": why}

    while True:
        try:
            event = connection.next_event()
        except (h11.RemoteProtocolError, h11.LocalProtocolError) as error:
            return end("refused", str(error))
        if event is h11.NEED_DATA:
            begun = request is not None or connection.trailing_data[0]
            return end("cut" if begun else "idle")
        if event is h11.PAUSED:
            return end("closed")
        if isinstance(event, h11.Request):
            request, body = event, []
        elif isinstance(event, h11.Data):
            body.append(bytes(event.data))
        elif isinstance(event, h11.EndOfMessage):
            messages.append(
                {
                    "method": request.method.decode("latin-1"),
                    "target": request.target.decode("latin-1"),
                    "body": b"".join(body).decode("latin-1"),
                }
            )
            if request.method == b"CONNECT":
                return end("switched")
            request = None
            connection.send(OK)
            connection.send(h11.EndOfMessage())
            if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                return end("closed")
            connection.start_next_cycle()


def main():
    while head := sys.stdin.buffer.read(4):
        wire = sys.stdin.buffer.read(int.from_bytes(head, "little"))
        sys.stdout.write(json.dumps(read(wire)) + "\n")
        sys.stdout.flush()


main()
