"""Django in one file. A project made by `django-admin startproject` starts the same way, with
`mysite.wsgi:application` and `--chdir` at the folder of its manage.py.

    bin/penknife serve minimal:application --chdir examples/django
"""
import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

settings.configure(
    SECRET_KEY=os.environ.get("SECRET_KEY", "for a try-out only"),
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
)


def index(request):
    return HttpResponse("Hello from Django in process %d.\n" % os.getpid(), content_type="text/plain")


urlpatterns = [path("", index)]
application = get_wsgi_application()
