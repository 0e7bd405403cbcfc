"""A Flask application. Start it with

    bin/penknife serve app --chdir examples/flask
"""
import os

from flask import Flask, jsonify, request

app = Flask(__name__)


@app.get("/")
def index():
    return "Hello from Flask in process %d.\n" % os.getpid()


@app.post("/echo")
def echo():
    return jsonify(you_sent=request.get_json())
