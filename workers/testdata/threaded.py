"""Starts a thread when it is imported."""
import threading

threading.Thread(target=threading.Event().wait, name="metrics-flusher", daemon=True).start()

from probe import application  # noqa: E402, F401
