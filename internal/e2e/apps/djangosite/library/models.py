from django.db import models


class Book(models.Model):
    title = models.CharField(max_length=200, unique=True)
    scan = models.FileField(upload_to="scans", blank=True)
    size = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)

    def __str__(self):
        return self.title
