/* start_response(status, headers, exc_info=None) and the write(data) that it returns (PEP 3333, rules 3, 22 to 27,
 * 35 and 37). One object is both: it is made for each request and detached when the request is over. */
#include "accel.h"

typedef struct {
    PyObject_HEAD
    pk_request *request; /* NULL once the request is over */
    PyObject *write;     /* bound method, made at the first use */
} Start;

static PyTypeObject *start_type;
static PyObject *name_write;

PyObject *pk_start_new(pk_request *r) {
    Start *self = PyObject_New(Start, start_type);
    if (self != NULL) {
        self->request = r;
        self->write = NULL;
    }
    return (PyObject *)self;
}

void pk_start_detach(PyObject *start) {
    Start *self = (Start *)start;
    self->request = NULL;
    Py_CLEAR(self->write); /* it refers back to us */
}

static void dealloc(PyObject *self) {
    Py_CLEAR(((Start *)self)->write);
    PyTypeObject *type = Py_TYPE(self);
    PyObject_Free(self);
    Py_DECREF(type);
}

/* A request whose declared length was sent is over for the client although the application still runs. */
static pk_request *live(PyObject *self) {
    pk_request *r = ((Start *)self)->request;
    if (r != NULL && r->live) {
        return r;
    }
    PyErr_SetString(PyExc_RuntimeError, r ? "the response is complete: all bytes of its Content-Length were sent"
                                          : "the request is over");
    return NULL;
}

/* After the head was sent the only use of exc_info is to raise it again (rule 24). */
static int reraise(PyObject *exc_info) {
    if (!PyTuple_Check(exc_info) || PyTuple_Size(exc_info) != 3) {
        PyErr_SetString(PyExc_TypeError, "exc_info must be the tuple of sys.exc_info() (PEP 3333)");
        return -1;
    }
    PyObject *part[3];
    for (int i = 0; i < 3; i++) {
        PyObject *item = PyTuple_GetItem(exc_info, i);
        part[i] = item == Py_None ? NULL : Py_NewRef(item);
    }
    PyErr_Restore(part[0], part[1], part[2]);
    return -1;
}

static int check_call(pk_request *r, PyObject *exc_info) {
    if (exc_info != NULL && r->head_sent) {
        return reraise(exc_info);
    }
    if (exc_info == NULL && r->start_called) {
        PyErr_SetString(PyExc_AssertionError, "start_response was called before and exc_info is missing (PEP 3333)");
        return -1;
    }
    return 0;
}

static PyObject *start_call(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"status", "headers", "exc_info", NULL};
    PyObject *status, *headers, *exc_info = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|O:start_response", names, &status, &headers, &exc_info)) {
        return NULL;
    }
    exc_info = exc_info == Py_None ? NULL : exc_info;
    pk_request *r = ((Start *)self)->request;
    if ((r != NULL && check_call(r, exc_info) != 0) || live(self) == NULL) {
        return NULL;
    }
    r->start_called = true;
    /* A child that the application forked has no answer: the slot is its parent's, or another request's by now. */
    if (!pk_is_forked() && pk_head_write(r, status, headers) != 0) {
        return NULL;
    }
    Start *start = (Start *)self;
    if (start->write == NULL) {
        start->write = PyObject_GetAttr(self, name_write);
    }
    return start->write ? Py_NewRef(start->write) : NULL;
}

static PyObject *start_write(PyObject *self, PyObject *data) {
    pk_request *r = live(self);
    if (r == NULL) {
        return NULL;
    }
    if (!PyBytes_Check(data)) {
        PyErr_SetString(PyExc_TypeError, "write() takes bytes (PEP 3333)");
        return NULL;
    }
    switch (pk_send(r, PyBytes_AsString(data), (size_t)PyBytes_Size(data), true)) {
    case PK_SENT:
        return Py_NewRef(Py_None);
    case PK_SENT_EXCESS:
        PyErr_Format(PyExc_ValueError, "write() of more than the declared Content-Length of %lld bytes",
                     (long long)r->declared);
        return NULL;
    case PK_SENT_GONE:
        PyErr_SetString(PyExc_ConnectionAbortedError, "the client has left");
        return NULL;
    case PK_SENT_ERROR:
        break;
    }
    return NULL;
}

static PyMethodDef methods[] = {
    {"write", start_write, METH_O, "write(data): sends bytes before those that the application returns (PEP 3333)."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, dealloc},
    {Py_tp_call, start_call},
    {Py_tp_methods, methods},
    {Py_tp_doc, "start_response(status, headers, exc_info=None) -> write, as in PEP 3333."},
    {0, NULL},
};

static PyType_Spec spec = {"penknife._accel.StartResponse", sizeof(Start), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

int pk_start_init(void) {
    name_write = PyUnicode_InternFromString("write");
    start_type = pk_make_type(&spec);
    return name_write && start_type ? 0 : -1;
}
