"""The database of the Django page, and what the page must look like."""

import html
import sqlite3

BOOKS = [(number, f"Salt & Pepper {number}", 1900 + number, number % 10) for number in range(1, 101)]


def make(path):
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT, year INTEGER, shelf INTEGER)")
        connection.execute("CREATE INDEX book_shelf ON book (shelf)")
        connection.executemany("INSERT INTO book VALUES (?, ?, ?, ?)", BOOKS)
    connection.close()


def page(shelf):
    """The page of a shelf, as apps/templates/shelf.html makes it."""
    rows = "".join(f"<li>{html.escape(title)}, {year}</li>\n" for _, title, year, on in BOOKS if on == shelf)
    return f"<!doctype html>\n<title>Shelf {shelf}</title>\n<ul>\n{rows}</ul>\n".encode()
