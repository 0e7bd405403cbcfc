/* What the application returned, by its kind: a list or tuple of blocks, a file wrapper, one bytes object, or any
 * iterable (PEP 3333, rules 22, 30 to 34, 37 and 39). */
#include "accel.h"

static int block_of(PyObject *item, char **data, Py_ssize_t *size) {
    if (PyUnicode_Check(item)) {
        PyErr_Format(PyExc_TypeError,
                     "the application returned a block that is not bytes (PEP 3333): %.200R; return [text.encode()]", item);
        return -1;
    }
    if (!PyBytes_Check(item)) {
        PyErr_Format(PyExc_TypeError, "the application returned a block that is not bytes (PEP 3333): %.200R", item);
        return -1;
    }
    return PyBytes_AsStringAndSize(item, data, size);
}

/* 1: go on; 0: nothing more is wanted; -1: exception. */
static int send_block(pk_request *r, PyObject *item, bool flush) {
    char *data;
    Py_ssize_t size;
    if (block_of(item, &data, &size) != 0) {
        return -1;
    }
    switch (pk_send(r, data, (size_t)size, flush)) {
    case PK_SENT:
        return 1;
    case PK_SENT_EXCESS:
        if (!r->excess_logged && !r->no_body) {
            pk_log_text(r, PK_ERROR, "the application sent more bytes than its Content-Length declares; the rest is dropped");
            r->excess_logged = true;
        }
        return 0;
    case PK_SENT_GONE:
        return 0;
    case PK_SENT_ERROR:
        break;
    }
    return -1;
}

typedef PyObject *(*item_getter)(PyObject *, Py_ssize_t);

/* A list may be changed by another thread while we wait for room, so each block is ours while it is sent. */
static int send_item(pk_request *r, PyObject *blocks, item_getter get, Py_ssize_t i) {
    PyObject *item = get(blocks, i);
    if (item == NULL) {
        return -1;
    }
    Py_INCREF(item);
    int more = send_block(r, item, false);
    Py_DECREF(item);
    return more;
}

/* All blocks are there, so their sum is the length, and one event is enough. */
static int send_sequence(pk_request *r, PyObject *blocks, item_getter get, Py_ssize_t n) {
    uint64_t total = 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        char *data;
        Py_ssize_t size;
        if (block_of(get(blocks, i), &data, &size) != 0) {
            return -1;
        }
        total += (uint64_t)size;
    }
    if (r->declared < 0 && r->started && !r->head_sent && !(r->no_body && !r->head_request)) {
        r->declared = (int64_t)total;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        int more = send_item(r, blocks, get, i);
        if (more <= 0) {
            return more;
        }
    }
    return 0;
}

/* A one-block iterable that says so (Django's and others' responses) gets its length from the block. */
static bool has_one_block(PyObject *result) {
    PyTypeObject *type = Py_TYPE(result);
    if (PyType_GetSlot(type, Py_sq_length) == NULL && PyType_GetSlot(type, Py_mp_length) == NULL) {
        return false;
    }
    Py_ssize_t n = PyObject_Size(result);
    if (n < 0) {
        PyErr_Clear();
    }
    return n == 1;
}

static int send_iterable(pk_request *r, PyObject *result) {
    bool single = has_one_block(result);
    PyObject *iterator = PyObject_GetIter(result);
    if (iterator == NULL) {
        return -1;
    }
    int more = 1;
    PyObject *item;
    while (more > 0 && (item = PyIter_Next(iterator)) != NULL) {
        if (single && r->started && !r->head_sent && r->declared < 0 && PyBytes_Check(item)) {
            r->declared = PyBytes_Size(item);
        }
        single = false;
        more = send_block(r, item, true);
        Py_DECREF(item);
    }
    Py_DECREF(iterator);
    return more < 0 || PyErr_Occurred() ? -1 : 0;
}

static int send_bytes(pk_request *r, PyObject *result) {
    static bool warned;
    if (!warned) {
        warned = true;
        pk_log_text(r, PK_WARNING, "the application returned bytes instead of an iterable of bytes; it is sent as one "
                                   "block (this warning is given once)");
    }
    PyObject *blocks = PyTuple_New(1);
    if (blocks == NULL || PyTuple_SetItem(blocks, 0, Py_NewRef(result)) != 0) {
        return -1;
    }
    int status = send_sequence(r, blocks, PyTuple_GetItem, 1);
    Py_DECREF(blocks);
    return status;
}

int pk_send_result(pk_request *r, PyObject *result) {
    if (PyList_CheckExact(result)) {
        return send_sequence(r, result, PyList_GetItem, PyList_Size(result));
    }
    if (PyTuple_CheckExact(result)) {
        return send_sequence(r, result, PyTuple_GetItem, PyTuple_Size(result));
    }
    if (PyBytes_Check(result)) {
        return send_bytes(r, result);
    }
    if (Py_TYPE(result) == pk_file_wrapper) {
        int sent = pk_file_try(r, result);
        if (sent != 0) {
            return sent < 0 ? -1 : 0;
        }
    }
    return send_iterable(r, result);
}
