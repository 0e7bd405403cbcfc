"""Starts FastPySGI with several processes, which its own command line does not offer.

serve_fastpysgi.py MODULE PORT PROCESSES
"""

import importlib
import os
import sys

import fastpysgi

module, port, processes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
sys.path.insert(0, os.getcwd())
application = importlib.import_module(module).application
fastpysgi.server.tcp_nodelay = 1
fastpysgi.server.max_content_length = 1 << 27
fastpysgi.run(application, "127.0.0.1", port, workers=processes)
