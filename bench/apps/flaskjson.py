"""The Flask application: a route, and JSON made for each request."""

from flask import Flask, jsonify

application = Flask(__name__)


@application.get("/json")
def json():
    return jsonify(message="Hello, World!", items=[1, 2, 3], nested={"ok": True})
