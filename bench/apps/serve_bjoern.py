"""Starts bjoern with several processes, which it leaves to its user: all accept from one socket.

serve_bjoern.py MODULE PORT PROCESSES
"""

import importlib
import os
import signal
import socket
import sys

import bjoern

module, port, processes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
application = importlib.import_module(module).application
listener = bjoern.listen(application, "127.0.0.1", port)
# It writes head and body apart: without this each answer waits 40 ms for a delayed acknowledgement.
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
children = []
for _ in range(processes - 1):
    child = os.fork()
    if not child:
        break
    children.append(child)
try:
    bjoern.run()
finally:
    for child in children:
        os.kill(child, signal.SIGTERM)
