/* wsgi.input: the request body, which Go received completely before the worker saw the request, so that its end is
 * known and no read waits for the client (PEP 3333, rules 17 to 19 and 21). */
#include "accel.h"

#include <string.h>

typedef struct {
    PyObject_HEAD
    pk_request *request; /* NULL once the request is over: then the stream is at its end */
} Input;

static PyTypeObject *input_type;

PyObject *pk_input_new(pk_request *r) {
    Input *self = PyObject_New(Input, input_type);
    if (self != NULL) {
        self->request = r;
    }
    return (PyObject *)self;
}

void pk_input_detach(PyObject *input) { ((Input *)input)->request = NULL; }

static void dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_Free(self);
    Py_DECREF(type);
}

static uint64_t available(pk_request *r) {
    if (r->body != NULL) {
        return r->body_len - r->body_read;
    }
    return pk_load(PK_U64(r->slot.control, PK_S_REQ_PRODUCED)) - r->body_read;
}

static bool has_input(pk_request *r) { return available(r) > 0; }

static pk_request *live(PyObject *self) {
    pk_request *r = ((Input *)self)->request;
    return r != NULL && r->live ? r : NULL;
}

static uint64_t left(PyObject *self) {
    pk_request *r = live(self);
    return r ? r->body_len - r->body_read : 0;
}

/* The next contiguous bytes: all that is left of a body that lies in memory for itself, else of the window; then it waits for Go to refill it. 0 with an exception: the request was given up. */
static size_t next_piece(pk_request *r, const char **piece) {
    if (r->body_lost) {
        PyErr_SetString(PyExc_OSError, "the request body is not where it should be: a worker has written over the memory that all share");
        return 0;
    }
    if (!has_input(r) && pk_wait(r, has_input) != 0) {
        return 0;
    }
    if (!r->live || !has_input(r)) {
        PyErr_SetString(PyExc_OSError, "the request was ended while its body was read");
        return 0;
    }
    if (r->body != NULL) {
        *piece = (const char *)r->body + r->body_read;
        return (size_t)available(r);
    }
    uint64_t size = r->lane.queue->request_ring, start = r->body_read & (size - 1);
    uint64_t n = available(r);
    *piece = (const char *)r->slot.window + start;
    return (size_t)(n < size - start ? n : size - start);
}

/* Marks n bytes as read, and asks for more when the window is half empty and Go has more. */
static void consumed(pk_request *r, size_t n) {
    uint64_t before = r->body_read, half = r->lane.queue->request_ring / 2;
    r->body_read += n;
    if (r->body != NULL || pk_is_forked()) {
        return; /* Go has nothing to add; or the window is the parent's */
    }
    pk_store(PK_U64(r->slot.control, PK_S_REQ_CONSUMED), r->body_read);
    uint64_t produced = pk_load(PK_U64(r->slot.control, PK_S_REQ_PRODUCED));
    bool crossed = produced - before > half && produced - r->body_read <= half;
    if (produced < r->body_len && (crossed || produced == r->body_read)) {
        pk_publish_or_exit(r);
    }
}

static PyObject *read_exactly(PyObject *self, uint64_t want) {
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)want);
    if (bytes == NULL) {
        return NULL;
    }
    char *to = PyBytes_AsString(bytes);
    for (uint64_t got = 0; got < want;) {
        pk_request *r = live(self);
        const char *piece = NULL;
        size_t n = r ? next_piece(r, &piece) : 0;
        if (n == 0) {
            if (!PyErr_Occurred()) {
                PyErr_SetString(PyExc_OSError, "the request was ended while its body was read");
            }
            Py_DECREF(bytes);
            return NULL;
        }
        n = n < want - got ? n : (size_t)(want - got);
        memcpy(to + got, piece, n);
        consumed(r, n);
        got += n;
    }
    return bytes;
}

/* An optional size argument: None, absent and negative mean all. */
static int size_argument(PyObject *args, Py_ssize_t *size) {
    PyObject *given = NULL;
    *size = -1;
    if (!PyArg_ParseTuple(args, "|O", &given)) {
        return -1;
    }
    if (given == NULL || given == Py_None) {
        return 0;
    }
    *size = PyNumber_AsSsize_t(given, PyExc_OverflowError);
    return *size == -1 && PyErr_Occurred() ? -1 : 0;
}

static PyObject *input_read(PyObject *self, PyObject *args) {
    Py_ssize_t size;
    if (size_argument(args, &size) != 0) {
        return NULL;
    }
    uint64_t want = left(self);
    return read_exactly(self, size >= 0 && (uint64_t)size < want ? (uint64_t)size : want);
}

/* How many of the next n bytes belong to the line: up to and with the line feed. */
static size_t line_part(const char *piece, size_t n, bool *ended) {
    const char *end = memchr(piece, '\n', n);
    *ended = end != NULL;
    return end ? (size_t)(end - piece) + 1 : n;
}

static PyObject *read_line(PyObject *self, Py_ssize_t limit) {
    uint64_t want = left(self);
    if (limit >= 0 && (uint64_t)limit < want) {
        want = (uint64_t)limit;
    }
    PyObject *line = PyBytes_FromStringAndSize(NULL, 0);
    bool ended = false;
    while (line != NULL && want > 0 && !ended) {
        pk_request *r = live(self);
        const char *piece = NULL;
        size_t n = r ? next_piece(r, &piece) : 0;
        if (n == 0) {
            Py_DECREF(line);
            return PyErr_Occurred() ? NULL : PyBytes_FromStringAndSize(NULL, 0);
        }
        n = line_part(piece, n < want ? n : (size_t)want, &ended);
        PyObject *part = PyBytes_FromStringAndSize(piece, (Py_ssize_t)n);
        if (part == NULL) {
            Py_DECREF(line);
            return NULL;
        }
        consumed(r, n);
        want -= n;
        PyObject *joined = PyBytes_Size(line) ? PySequence_Concat(line, part) : Py_NewRef(part);
        Py_DECREF(part);
        Py_DECREF(line);
        line = joined;
    }
    return line;
}

static PyObject *input_readline(PyObject *self, PyObject *args) {
    Py_ssize_t limit;
    return size_argument(args, &limit) != 0 ? NULL : read_line(self, limit);
}

static PyObject *input_readlines(PyObject *self, PyObject *args) {
    Py_ssize_t hint, total = 0;
    if (size_argument(args, &hint) != 0) {
        return NULL;
    }
    PyObject *lines = PyList_New(0);
    while (lines != NULL && left(self) > 0 && (hint <= 0 || total < hint)) {
        PyObject *line = read_line(self, -1);
        if (line == NULL || PyList_Append(lines, line) != 0) {
            Py_XDECREF(line);
            Py_CLEAR(lines);
            break;
        }
        total += PyBytes_Size(line);
        Py_DECREF(line);
    }
    return lines;
}

static PyObject *input_next(PyObject *self) { return left(self) > 0 ? read_line(self, -1) : NULL; }

static PyObject *input_true(PyObject *self, PyObject *unused) {
    (void)self;
    (void)unused;
    return PyBool_FromLong(1);
}

static PyMethodDef methods[] = {
    {"read", input_read, METH_VARARGS, "read(size=-1) -> bytes: at most size bytes, b'' at the end."},
    {"readline", input_readline, METH_VARARGS, "readline(size=-1) -> bytes: a line with its end, at most size bytes."},
    {"readlines", input_readlines, METH_VARARGS, "readlines(hint=-1) -> list of lines, about hint bytes together."},
    {"readable", input_true, METH_NOARGS, "readable(): True."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, dealloc},
    {Py_tp_methods, methods},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, input_next},
    {Py_tp_doc, "wsgi.input: the request body. Reads never wait for the client and end with the body."},
    {0, NULL},
};

static PyType_Spec spec = {"penknife._accel.Input", sizeof(Input), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

int pk_input_init(void) {
    input_type = pk_make_type(&spec);
    return input_type ? 0 : -1;
}
