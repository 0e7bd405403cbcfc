"""A Flask application that turns every exception into a page, as many do."""
import os
import time

from flask import Flask, jsonify

app = Flask(__name__)
pages, torn_down = [], []


@app.errorhandler(Exception)
def page(error):
    pages.append(repr(error))
    return "sorry", 500


@app.teardown_request
def teardown(error):
    if error is not None:
        torn_down.append(type(error).__name__)


@app.get("/hang")
def hang():
    time.sleep(3600)


@app.get("/")
def state():
    return jsonify(pid=os.getpid(), pages=pages, torn_down=torn_down)
