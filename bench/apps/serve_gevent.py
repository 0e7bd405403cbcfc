"""Starts gevent's own server with several processes, all of which accept from one socket.

serve_gevent.py MODULE PORT PROCESSES
"""

from gevent import monkey

monkey.patch_all()

import importlib  # noqa: E402 - the patches come first
import os  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402

import gevent  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402

module, port, processes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
application = importlib.import_module(module).application
server = WSGIServer(("127.0.0.1", port), application, log=None, backlog=1024)
server.init_socket()
children = []
for _ in range(processes - 1):
    child = gevent.fork()
    if not child:
        children = []
        break
    children.append(child)
gevent.signal_handler(signal.SIGTERM, server.stop)
try:
    server.serve_forever()
finally:
    for child in children:
        os.kill(child, signal.SIGTERM)
