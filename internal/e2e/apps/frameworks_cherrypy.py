"""A CherryPy application mounted as WSGI, without CherryPy's own server."""
import hashlib
from wsgiref.validate import validator

import cherrypy


class Root:
    @cherrypy.expose
    @cherrypy.tools.json_out()
    def json(self, **query):
        return {"path": cherrypy.request.path_info, "query": query}

    @cherrypy.expose
    @cherrypy.tools.json_out()
    @cherrypy.config(**{"request.process_request_body": False})
    def upload(self):
        data = cherrypy.request.rfile.read(int(cherrypy.request.headers["Content-Length"]))
        return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}

    @cherrypy.expose
    def error(self):
        raise ValueError("on purpose")


cherrypy.config.update({"environment": "embedded", "log.screen": True})
application = cherrypy.tree.mount(Root(), "")
validated = validator(application)
