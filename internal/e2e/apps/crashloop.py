"""Dies at import for as long as the file named by CRASH exists."""
import os

if os.path.exists(os.environ["CRASH"]):
    os._exit(7)

from hello import application  # noqa: E402,F401
