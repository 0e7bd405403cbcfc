"""A Falcon application."""
import hashlib
from wsgiref.validate import validator

import falcon


class Show:
    def on_get(self, req, resp):
        resp.media = {"path": req.path, "query": dict(req.params)}

    on_head = on_get


class Upload:
    def on_post(self, req, resp):
        data = req.bounded_stream.read()
        resp.media = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


class Error:
    def on_get(self, req, resp):
        raise ValueError("on purpose")


application = falcon.App()
application.add_route("/json", Show())
application.add_route("/upload", Upload())
application.add_route("/error", Error())
validated = validator(application)
