from django.contrib import admin
from django.urls import path
from library import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", views.index),
    path("upload/", views.upload),
    path("raw/", views.raw),
    path("book/<str:title>/", views.book),
    path("error/", views.error),
]
