"""A Django application that hangs in a transaction."""
import os
import time

import django
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="only for tests",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["STUCK_DATABASE"]}},
)
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.http import JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402


def execute(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def hang(request):
    execute("CREATE TABLE IF NOT EXISTS lines (text TEXT)")
    with transaction.atomic():
        execute("INSERT INTO lines VALUES ('half done')")
        time.sleep(3600)


def add(request):
    execute("INSERT INTO lines VALUES ('done')")
    return JsonResponse({"pid": os.getpid(), "lines": execute("SELECT text FROM lines")})


urlpatterns = [path("hang", hang), path("", add)]
application = get_wsgi_application()
