"""A Bottle application."""
import hashlib
from wsgiref.validate import validator

import bottle

app = bottle.Bottle()


@app.get("/json")
def show_json():
    return {"path": bottle.request.path, "query": dict(bottle.request.query.decode())}


@app.post("/upload")
def upload():
    data = bottle.request.body.read()
    return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


@app.get("/error")
def error():
    raise ValueError("on purpose")


application = app
validated = validator(app)
