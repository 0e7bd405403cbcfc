"""Takes for ever to import."""
import time

print("importing", flush=True)
while True:
    time.sleep(3600)
