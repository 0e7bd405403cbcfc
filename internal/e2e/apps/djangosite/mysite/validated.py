"""The same application behind wsgiref's validator."""
from wsgiref.validate import validator

from mysite.wsgi import application

validated = validator(application)
