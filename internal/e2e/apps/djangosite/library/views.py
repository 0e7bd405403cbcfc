import hashlib
import os

from django import forms
from django.http import FileResponse, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.template import engines
from django.views.decorators.csrf import csrf_exempt

from library.models import Book

PAGE = """<form method="post" enctype="multipart/form-data">{% csrf_token %}{{ form }}<button>send</button></form>"""


class UploadForm(forms.Form):
    title = forms.CharField()
    scan = forms.FileField()


def index(request):
    return JsonResponse({"books": list(Book.objects.order_by("title").values_list("title", flat=True)),
                         "pid": os.getpid(), "scheme": request.scheme, "secure": request.is_secure(),
                         "host": request.get_host(), "user": str(request.user)})


def upload(request):
    """The form, protected against forgery; the file is stored, and its digest with it."""
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method != "POST" or not form.is_valid():
        return HttpResponse(engines["django"].from_string(PAGE).render({"form": form}, request))
    scan = form.cleaned_data["scan"]
    digest = hashlib.sha256()
    for chunk in scan.chunks():
        digest.update(chunk)
    scan.seek(0)
    stored = Book.objects.create(title=form.cleaned_data["title"], scan=scan, size=scan.size, sha256=digest.hexdigest())
    return JsonResponse({"id": stored.pk, "size": stored.size, "sha256": stored.sha256}, status=201)


@csrf_exempt
def raw(request):
    """A plain body, read as a stream."""
    digest = hashlib.sha256()
    size = 0
    while block := request.read(65536):
        digest.update(block)
        size += len(block)
    return JsonResponse({"size": size, "sha256": digest.hexdigest(), "length": request.META.get("CONTENT_LENGTH")})


def book(request, title):
    """The stored file: Django hands it to wsgi.file_wrapper."""
    return FileResponse(get_object_or_404(Book, title=title).scan.open("rb"))


def error(request):
    raise ValueError("on purpose")
