"""Sessions behind a cache: pages that say that they may be stored, and pages that say nothing."""

import flask

app = flask.Flask(__name__)
app.secret_key = "not a secret"


def who():
    return flask.session.get("user", "nobody")


@app.get("/login/<user>")
def login(user):
    flask.session["user"] = user
    return flask.Response("hello", headers={"Cache-Control": "public, max-age=600"})


@app.get("/me")
def me():
    """Flask adds Vary: Cookie, because the session was looked at."""
    return flask.Response(who(), headers={"Cache-Control": "max-age=600"})


@app.get("/me/quiet")
def quiet():
    """Says nothing about caching: the operator's rule decides."""
    return who()


@app.get("/visits")
def visits():
    if "user" in flask.session:
        flask.session["visits"] = flask.session.get("visits", 0) + 1
    return who()


@app.get("/ready")
def ready():
    return "yes"
