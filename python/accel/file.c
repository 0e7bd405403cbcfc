/* wsgi.file_wrapper(filelike, block_size=8192): an iterator over read(), and when the very object is returned and
 * wraps a plain file, a hand-over of its descriptor to Go, which uses sendfile (PEP 3333, rules 47 and 48).
 *
 * Only io's own file types are handed over: other objects with a fileno() (gzip's, say) mean other bytes than their
 * descriptor has. */
#include "accel.h"

#include <sys/stat.h>

typedef struct {
    PyObject_HEAD
    PyObject *file;
    Py_ssize_t block_size;
} Wrapper;

PyTypeObject *pk_file_wrapper;
static PyObject *type_file_io, *type_reader, *type_random;

static int init(PyObject *object, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"filelike", "block_size", NULL};
    Wrapper *self = (Wrapper *)object;
    PyObject *file;
    Py_ssize_t block_size = 8192;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|n:file_wrapper", names, &file, &block_size)) {
        return -1;
    }
    PyObject *old = self->file;
    self->file = Py_NewRef(file);
    self->block_size = block_size > 0 ? block_size : 8192;
    Py_XDECREF(old);
    return 0;
}

static void dealloc(PyObject *self) {
    Py_CLEAR(((Wrapper *)self)->file);
    pk_free_object(self);
}

static PyObject *wrapper_next(PyObject *object) {
    Wrapper *self = (Wrapper *)object;
    if (self->file == NULL) {
        return NULL;
    }
    PyObject *block = PyObject_CallMethod(self->file, "read", "n", self->block_size);
    if (block != NULL && PyObject_Size(block) == 0) {
        Py_CLEAR(block);
    }
    return block;
}

static PyObject *wrapper_close(PyObject *object, PyObject *unused) {
    (void)unused;
    Wrapper *self = (Wrapper *)object;
    PyObject *close = self->file ? PyObject_GetAttrString(self->file, "close") : NULL;
    if (close == NULL) {
        PyErr_Clear(); /* a file-like need not have close() */
        return Py_NewRef(Py_None);
    }
    PyObject *result = PyObject_CallFunctionObjArgs(close, NULL);
    Py_DECREF(close);
    return result;
}

/* The descriptor of a plain file on disk, -1 when read() must be used, -2 with an exception. */
static int plain_descriptor(PyObject *file) {
    PyObject *type = (PyObject *)Py_TYPE(file);
    if (type == type_reader || type == type_random) {
        PyObject *raw = PyObject_GetAttrString(file, "raw");
        bool plain = raw != NULL && (PyObject *)Py_TYPE(raw) == type_file_io;
        Py_XDECREF(raw);
        if (!plain) {
            PyErr_Clear();
            return -1;
        }
    } else if (type != type_file_io) {
        return -1;
    }
    int fd = PyObject_AsFileDescriptor(file);
    return fd < 0 ? -2 : fd;
}

/* The reading position as Python sees it, which buffering moves away from the descriptor's. */
static int64_t position_of(PyObject *file) {
    PyObject *position = PyObject_CallMethod(file, "tell", NULL);
    int64_t value = position ? (int64_t)PyLong_AsLongLong(position) : -1;
    Py_XDECREF(position);
    return value;
}

int pk_file_try(pk_request *r, PyObject *wrapper) {
    pk_leave_if_forked();
    PyObject *file = ((Wrapper *)wrapper)->file;
    if (file == NULL || !r->live || !r->started || r->head_sent || r->no_body) {
        return 0;
    }
    int fd = plain_descriptor(file);
    if (fd < 0) {
        return fd == -1 ? 0 : -1;
    }
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        return 0; /* pipes have no position: read() knows */
    }
    int64_t offset = position_of(file);
    if (offset < 0) {
        return -1;
    }
    if (st.st_size <= offset) {
        return 0; /* /proc files, empty files */
    }
    int64_t length = st.st_size - offset;
    if (r->declared > length) {
        return 0; /* too short: the ordinary way logs and cuts */
    }
    if (r->declared >= 0) {
        length = r->declared;
    }
    if (!pk_send_file(r, fd)) {
        return 0;
    }
    *PK_U64(r->slot.control, PK_S_FILE_OFFSET) = (uint64_t)offset;
    pk_store(PK_U32(r->slot.control, PK_S_FLAGS), PK_FLAG_FILE);
    r->declared = length;
    r->sent = (uint64_t)length;
    return 1;
}

static PyMethodDef methods[] = {
    {"close", wrapper_close, METH_NOARGS, "close(): closes the wrapped file."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_init, init},
    {Py_tp_dealloc, dealloc},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, wrapper_next},
    {Py_tp_methods, methods},
    {Py_tp_doc, "wsgi.file_wrapper(filelike, block_size=8192): iterates over filelike.read(block_size)."},
    {0, NULL},
};

static PyType_Spec spec = {"penknife._accel.FileWrapper", sizeof(Wrapper), 0, Py_TPFLAGS_DEFAULT, slots};

int pk_file_init(void) {
    PyObject *io = PyImport_ImportModule("io");
    if (io == NULL) {
        return -1;
    }
    type_file_io = PyObject_GetAttrString(io, "FileIO");
    type_reader = PyObject_GetAttrString(io, "BufferedReader");
    type_random = PyObject_GetAttrString(io, "BufferedRandom");
    Py_DECREF(io);
    pk_file_wrapper = pk_make_type(&spec);
    return type_file_io && type_reader && type_random && pk_file_wrapper ? 0 : -1;
}
