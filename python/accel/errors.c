/* wsgi.errors: text that goes to the log line by line with the request's id (PEP 3333, rules 17 and 20). */
#include "accel.h"

#include <string.h>

typedef struct {
    PyObject_HEAD
    pk_request *request;
    PyObject *partial; /* bytes of a line without its end, or NULL */
} Errors;

static PyTypeObject *errors_type;

PyObject *pk_errors_new(pk_request *r) {
    Errors *self = PyObject_New(Errors, errors_type);
    if (self != NULL) {
        self->request = r;
        self->partial = NULL;
    }
    return (PyObject *)self;
}

static void dealloc(PyObject *self) {
    Py_CLEAR(((Errors *)self)->partial);
    PyTypeObject *type = Py_TYPE(self);
    PyObject_Free(self);
    Py_DECREF(type);
}

void pk_errors_flush(PyObject *object) {
    Errors *self = (Errors *)object;
    PyObject *partial = self->partial;
    if (partial == NULL) {
        return;
    }
    self->partial = NULL;
    pk_log(self->request, PK_WARNING, PyBytes_AsString(partial), (size_t)PyBytes_Size(partial));
    Py_DECREF(partial);
}

/* A partial line may not grow without bound. */
#define PARTIAL_MAX 60000

/* Sends all complete lines of what is held back plus text as one message, and holds the rest back. */
static int append(Errors *self, PyObject *bytes) {
    PyObject *all = bytes;
    Py_INCREF(all);
    if (self->partial != NULL) {
        PyObject *joined = PySequence_Concat(self->partial, bytes);
        Py_DECREF(all);
        if (joined == NULL) {
            return -1;
        }
        Py_CLEAR(self->partial);
        all = joined;
    }
    const char *text = PyBytes_AsString(all);
    size_t size = (size_t)PyBytes_Size(all), lines = size;
    while (lines > 0 && text[lines - 1] != '\n') {
        lines--;
    }
    if (size - lines > PARTIAL_MAX) {
        lines = size;
    }
    int status = 0;
    if (lines < size) {
        self->partial = PyBytes_FromStringAndSize(text + lines, (Py_ssize_t)(size - lines));
        status = self->partial ? 0 : -1;
    }
    if (lines > 0) {
        pk_log(self->request, PK_WARNING, text, text[lines - 1] == '\n' ? lines - 1 : lines);
    }
    Py_DECREF(all);
    return status;
}

static PyObject *errors_write(PyObject *self, PyObject *text) {
    if (!PyUnicode_Check(text)) {
        PyErr_SetString(PyExc_TypeError, "wsgi.errors.write() takes a str");
        return NULL;
    }
    PyObject *bytes = PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace");
    if (bytes == NULL) {
        return NULL;
    }
    int status = append((Errors *)self, bytes);
    Py_DECREF(bytes);
    return status ? NULL : PyLong_FromSsize_t(PyUnicode_GetLength(text));
}

static PyObject *errors_writelines(PyObject *self, PyObject *lines) {
    PyObject *iterator = PyObject_GetIter(lines), *line;
    if (iterator == NULL) {
        return NULL;
    }
    while ((line = PyIter_Next(iterator)) != NULL) {
        PyObject *written = errors_write(self, line);
        Py_DECREF(line);
        if (written == NULL) {
            break;
        }
        Py_DECREF(written);
    }
    Py_DECREF(iterator);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

static PyObject *errors_flush(PyObject *self, PyObject *unused) {
    (void)unused;
    pk_errors_flush(self);
    return Py_NewRef(Py_None);
}

static PyObject *errors_false(PyObject *self, PyObject *unused) {
    (void)self;
    (void)unused;
    return PyBool_FromLong(0);
}

static PyMethodDef methods[] = {
    {"write", errors_write, METH_O, "write(text): text goes to the log; whole lines at once, the rest at flush()."},
    {"writelines", errors_writelines, METH_O, "writelines(texts): write() for each."},
    {"flush", errors_flush, METH_NOARGS, "flush(): sends an unfinished line."},
    {"isatty", errors_false, METH_NOARGS, "isatty(): False."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, dealloc},
    {Py_tp_methods, methods},
    {Py_tp_doc, "wsgi.errors: a text stream into penknife's log, tagged with the request."},
    {0, NULL},
};

static PyType_Spec spec = {"penknife._accel.Errors", sizeof(Errors), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

int pk_errors_init(void) {
    errors_type = pk_make_type(&spec);
    return errors_type ? 0 : -1;
}
