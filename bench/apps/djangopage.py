"""The Django application: a page from a template, with the rows of a query. BENCH_SQLITE names the database, which the
harness makes (harness/database.py)."""

import os

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import models
from django.http import HttpResponse
from django.template import loader
from django.urls import path

settings.configure(
    SECRET_KEY="bench",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["BENCH_SQLITE"],
                           "CONN_MAX_AGE": None}},
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware",
                "django.middleware.clickjacking.XFrameOptionsMiddleware"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates",
                "DIRS": [os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates")]}],
)
django.setup()


class Book(models.Model):
    title = models.CharField(max_length=100)
    year = models.IntegerField()
    shelf = models.IntegerField()

    class Meta:
        app_label = "bench"
        managed = False
        db_table = "book"


def shelf(request, number):
    books = Book.objects.filter(shelf=number).order_by("year")
    return HttpResponse(loader.render_to_string("shelf.html", {"number": number, "books": books}, request))


urlpatterns = [path("shelf/<int:number>", shelf)]
application = get_wsgi_application()
