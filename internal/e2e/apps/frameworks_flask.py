"""A Flask application: JSON, forms, uploads, sessions, an error, a stream."""
import hashlib
import os
from wsgiref.validate import validator

from flask import Flask, Response, jsonify, request, send_file, session

app = Flask(__name__)
app.secret_key = "only for tests"


@app.get("/json")
def show_json():
    return jsonify(query=request.args.to_dict(), path=request.path, url=request.url, pid=os.getpid())


@app.post("/json")
def echo_json():
    return jsonify(got=request.get_json()), 201


@app.post("/upload")
def upload():
    digest = hashlib.sha256()
    size = 0
    if request.files:
        stream = request.files["file"].stream
    else:
        stream = request.stream
    while block := stream.read(65536):
        digest.update(block)
        size += len(block)
    return jsonify(size=size, sha256=digest.hexdigest(), form=request.form.to_dict())


@app.get("/count")
def count():
    session["n"] = session.get("n", 0) + 1
    return jsonify(n=session["n"])


@app.get("/stream")
def stream():
    return Response((b"%d\n" % i for i in range(1000)), mimetype="text/plain")


@app.get("/source")
def source():
    return send_file(__file__)


@app.get("/error")
def error():
    raise ValueError("on purpose")


@app.get("/hällo/<name>")
def unicode_path(name):
    return jsonify(name=name)


application = app
validated = validator(app)
