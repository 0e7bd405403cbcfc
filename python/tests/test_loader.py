"""loader: which callable a specification names, and what is said when it names none."""
import os
import sys
import tempfile
import unittest

from penknife import loader
from penknife.errors import LoadError

APP = "def application(environ, start_response):\n    return [b'%s']\n"


class Case(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.dir = holder.name
        before_path, before_modules = list(sys.path), set(sys.modules)
        sys.path.insert(0, self.dir)

        def restore():
            sys.path[:] = before_path
            for name in set(sys.modules) - before_modules:
                del sys.modules[name]

        self.addCleanup(restore)

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def load(self, spec):
        return loader.load(spec, self.dir)

    def answer(self, spec):
        return self.load(spec)({}, None)

    def complaint(self, spec):
        with self.assertRaises(LoadError) as caught:
            self.load(spec)
        return str(caught.exception)


class Finds(Case):
    def test_module_and_callable(self):
        self.write("pk_site/__init__.py", "")
        self.write("pk_site/wsgi.py", APP % "site")
        self.assertEqual(self.answer("pk_site.wsgi:application"), [b"site"])

    def test_default_names_in_their_order(self):
        self.write("pk_one.py", "def app(e, s):\n    return [b'app']\n" + APP % "application")
        self.write("pk_two.py", "def app(e, s):\n    return [b'app']\n")
        self.assertEqual(self.answer("pk_one"), [b"application"])
        self.assertEqual(self.answer("pk_two"), [b"app"])

    def test_factory(self):
        self.write("pk_factory.py", "def make():\n    return lambda e, s: [b'made']\n")
        self.assertEqual(self.answer("pk_factory:make()"), [b"made"])

    def test_factory_with_arguments(self):
        self.write("pk_given.py", "def make(name, debug=True, of=()):\n    return lambda e, s: [b'%r %r %r' % (name, debug, of)]\n")
        self.assertEqual(self.answer("pk_given:make('a(b):c)')"), [b"'a(b):c)' True ()"])
        self.assertEqual(self.answer("pk_given:make( -1, of=[{'x': None}], debug = False )"), [b"-1 False [{'x': None}]"])

    def test_attribute_of_an_object(self):
        self.write("pk_attr.py", "class Box:\n    @staticmethod\n    def wsgi(e, s):\n        return [b'box']\nbox = Box()\n")
        self.assertEqual(self.answer("pk_attr:box.wsgi"), [b"box"])

    def test_class_as_application(self):
        self.write("pk_class.py", "class App:\n    def __init__(self, e, s):\n        self.e = e\n")
        self.assertEqual(self.load("pk_class:App").__name__, "App")

    def test_file(self):
        path = self.write("deep/pk_file.py", "import pk_beside\n" + APP % "file")
        self.write("deep/pk_beside.py", "")
        self.assertEqual(self.answer("deep/pk_file.py"), [b"file"])
        self.assertEqual(self.answer(path + ":application"), [b"file"])

    def test_file_is_the_module_that_others_import(self):
        self.write("pk_shop.py", "import pk_models\n" + APP % "shop")
        self.write("pk_models.py", "import pk_shop\n")
        self.load("pk_shop.py")
        self.assertIs(sys.modules["pk_models"].pk_shop, sys.modules["pk_shop"])

    def test_wsgi_suffix(self):
        self.write("pk_site.wsgi", APP % "wsgi")
        self.assertEqual(self.answer("pk_site.wsgi"), [b"wsgi"])

    def test_file_named_like_the_standard_library(self):
        self.write("queue.py", APP % "mine")
        self.assertEqual(self.answer("queue.py"), [b"mine"])


class Explains(Case):
    def test_no_such_module(self):
        self.write("pk_mysite.py", APP % "x")
        text = self.complaint("pk_mysiet:application")
        self.assertIn("no module named 'pk_mysiet'", text)
        self.assertIn(self.dir, text)
        self.assertIn("Did you mean pk_mysite?", text)

    def test_no_such_module_in_a_package(self):
        self.write("pk_pack/__init__.py", "")
        self.write("pk_pack/wsgi.py", APP % "x")
        self.assertIn("Did you mean pk_pack.wsgi?", self.complaint("pk_pack.wsgy:application"))

    def test_no_such_parent(self):
        self.assertIn("no module named 'pk_none' (of 'pk_none.wsgi')", self.complaint("pk_none.wsgi"))

    def test_module_that_the_application_misses_is_its_own_error(self):
        self.write("pk_needs.py", "import pk_needs_more\n")
        with self.assertRaises(ModuleNotFoundError):
            self.load("pk_needs:application")

    def test_missing_attribute(self):
        self.write("pk_names.py", APP % "x")
        text = self.complaint("pk_names:aplication")
        self.assertIn("pk_names has no attribute 'aplication'", text)
        self.assertIn("Did you mean application?", text)
        self.assertIn("Did you mean application?", self.complaint("pk_names:wsgi"))

    def test_no_default_name(self):
        self.write("pk_plain.py", "def my_application(e, s):\n    pass\n")
        text = self.complaint("pk_plain")
        self.assertIn("neither 'application' nor 'app'", text)
        self.assertIn("my_application", text)

    def test_error_in_a_property_is_the_application_s(self):
        self.write("pk_prop.py", "class A:\n    @property\n    def wsgi(self):\n        return self.nothing\na = A()\n")
        with self.assertRaises(AttributeError) as caught:
            self.load("pk_prop:a.wsgi")
        self.assertNotIsInstance(caught.exception, LoadError)

    def test_not_callable(self):
        self.write("pk_value.py", "application = 5\ndef make():\n    pass\n")
        self.assertIn("pk_value:application is not callable: it is an int", self.complaint("pk_value"))
        self.assertIn("pk_value:make() is not callable: it is None", self.complaint("pk_value:make()"))

    def test_factory_without_parentheses(self):
        self.write("pk_make.py", "def create_app():\n    return None\n")
        self.assertIn("write pk_make:create_app()", self.complaint("pk_make:create_app"))

    def test_wrong_number_of_arguments(self):
        self.write("pk_args.py", "def one(request):\n    pass\ndef keyword(e, s, *, k):\n    pass\ndef good(e, s, *a, k=1):\n    pass\n")
        for name in ("one", "keyword"):
            self.assertIn("cannot be called with two arguments", self.complaint("pk_args:" + name))
        self.assertTrue(self.load("pk_args:good"))

    def test_dot_instead_of_colon(self):
        self.write("pk_dot.py", APP % "x")
        self.assertIn("Did you mean pk_dot:application?", self.complaint("pk_dot.application"))

    def test_asgi(self):
        self.write("pk_asgi.py", "async def app(scope, receive, send):\n    pass\n")
        self.assertIn("ASGI", self.complaint("pk_asgi:app"))

    def test_missing_file(self):
        self.write("pk_there.py", APP % "x")
        text = self.complaint("pk_ther.py")
        self.assertIn("pk_ther.py does not exist", text)
        self.assertIn("Did you mean pk_there.py?", text)

    def test_factory_with_what_is_no_literal(self):
        self.write("pk_calls.py", "def make(*a, **k):\n    return lambda e, s: []\n")
        for call in ("make(x)", "make(print(1))", "make(*[1])", "make(**{'a': 1})", "make(1)(2)", "make('a'", "make(a=1, a=2)", "make(1 2)"):
            with self.subTest(call=call):
                self.complaint("pk_calls:" + call)
        self.assertIn("a factory is called with literals only", self.complaint("pk_calls:make(x)"))

    def test_malformed(self):
        for spec in ("", ":app", "a b:app", "mod:(1)", "mod:make)", "mod:", "mod:a..b", "mod:a b"):
            with self.subTest(spec=spec):
                self.complaint(spec)


if __name__ == "__main__":
    unittest.main()
