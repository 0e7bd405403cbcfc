#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "python.h"
#include "worker.h"

/* A lane's part of the interpreter. */
typedef struct {
    PyObject *error;
    uint32_t thread;
    size_t used;
    char heap[1500];
} python_thread;

typedef struct {
    PyObject_HEAD
    Py_ssize_t size;
    char data[];
} bytes_object;

#define FOREVER ((Py_ssize_t)1 << 28)
#define THREADS 8

_Static_assert(sizeof(python_thread) <= PK_LOCAL, "a lane's memory is too small");

PyTypeObject PyList_Type, PyTuple_Type, PyBytes_Type, PyBaseObject_Type;
static PyObject the_exceptions[5], the_result, the_interrupt;
PyObject *PyExc_AssertionError = &the_exceptions[0], *PyExc_ConnectionAbortedError = &the_exceptions[1],
         *PyExc_OSError = &the_exceptions[2], *PyExc_OverflowError = &the_exceptions[3], *PyExc_ValueError = &the_exceptions[4],
         *PyExc_TypeError = &the_exceptions[4], *PyExc_RuntimeError = &the_exceptions[4];
PyObject _Py_NoneStruct;

static uint32_t features;
static PyObject *asynchronous[THREADS];
static PyMethodDef *input_methods;
static int the_gil;

PyObject *pk_on_interrupt(PyObject *module, PyObject *args);
PyObject *pk_interrupts(PyObject *module, PyObject *exception);
int pk_input_init(void);

static python_thread *self(void) { return model_calls.local(); }

static void keep(PyObject *object, PyTypeObject *type) {
    object->ob_refcnt = FOREVER;
    object->ob_type = type;
}

void model_python_reset(uint32_t wanted) {
    features = wanted;
    memset(asynchronous, 0, sizeof asynchronous);
    keep(&_Py_NoneStruct, &PyBaseObject_Type);
    keep(&the_result, &PyList_Type);
    keep(&the_interrupt, &PyBaseObject_Type);
    pk_input_init();
    pk_interrupts(NULL, &the_interrupt);
}

void model_begin_thread(uint32_t thread) {
    self()->thread = thread;
    PyEval_RestoreThread(NULL);
}

bool model_failed(void) { return self()->error != NULL; }
void model_raise(void) { self()->error = PyExc_ValueError; }
bool model_interrupted(void) { return self()->error == &the_interrupt; }
void *model_result(void) { return &the_result; }

bool model_bytecode(void) {
    if (self()->thread == 0 && PyErr_CheckSignals() != 0) {
        return false;
    }
    if (features & PK_FEATURE_GIL) {
        PyEval_RestoreThread(PyEval_SaveThread());
    }
    if (asynchronous[self()->thread] != NULL) {
        self()->error = asynchronous[self()->thread];
        asynchronous[self()->thread] = NULL;
        return false;
    }
    return true;
}

const char *model_read(void *input, size_t *size) {
    for (PyMethodDef *m = input_methods; m->ml_name != NULL; m++) {
        if (strcmp(m->ml_name, "read") == 0) {
            bytes_object *bytes = (bytes_object *)m->ml_meth(input, NULL);
            *size = bytes ? (size_t)bytes->size : 0;
            return bytes ? bytes->data : NULL;
        }
    }
    return NULL;
}

/* The GIL. */

PyThreadState *PyEval_SaveThread(void) {
    if (features & PK_FEATURE_GIL) {
        model_calls.note(PK_NOTE_UNLOCK, (uint64_t)(uintptr_t)&the_gil, 0);
    }
    return NULL;
}

void PyEval_RestoreThread(PyThreadState *state) {
    (void)state;
    if (features & PK_FEATURE_GIL) {
        model_calls.turn(PK_OP_LOCK, &the_gil, 0, 5);
    }
}

/* Exceptions and signals. */

void PyErr_SetString(PyObject *type, const char *text) {
    (void)text;
    self()->error = type;
}
void PyErr_SetNone(PyObject *type) { self()->error = type; }
void PyErr_Clear(void) { self()->error = NULL; }
PyObject *PyErr_Occurred(void) { return self()->error; }
int PyErr_ExceptionMatches(PyObject *type) { return self()->error == type; }

int PyErr_CheckSignals(void) {
    if (!(features & PK_FEATURE_SIGNALS) || self()->thread != 0) {
        return 0;
    }
    model_calls.turn(PK_OP_CHECK, NULL, 0, 5);
    return model_calls.answer() != 0 && pk_on_interrupt(NULL, NULL) == NULL ? -1 : 0;
}

int PyThreadState_SetAsyncExc(unsigned long thread, PyObject *exception) {
    asynchronous[thread - 1] = exception;
    return 1;
}

unsigned long PyThread_get_thread_ident(void) { return self()->thread + 1; }

/* Objects. */

static void *take(size_t size) {
    python_thread *t = self();
    size = (size + 15) & ~(size_t)15;
    if (t->used + size > sizeof t->heap) {
        return NULL;
    }
    t->used += size;
    return t->heap + t->used - size;
}

void *PyMem_Malloc(size_t size) { return take(size); }

PyObject *_PyObject_New(PyTypeObject *type) {
    PyObject *object = take(64);
    keep(object, type);
    return object;
}

PyObject *PyBytes_FromStringAndSize(const char *data, Py_ssize_t size) {
    bytes_object *bytes = take(sizeof *bytes + (size_t)size + 1);
    keep((PyObject *)bytes, &PyBytes_Type);
    bytes->size = size;
    if (data != NULL) {
        memcpy(bytes->data, data, (size_t)size);
    }
    return (PyObject *)bytes;
}

char *PyBytes_AsString(PyObject *bytes) { return ((bytes_object *)bytes)->data; }
int PyOS_snprintf(char *text, size_t size, const char *format, ...) {
    (void)format;
    text[size - 1] = text[0] = 0;
    return 0;
}
PyObject *PyUnicode_InternFromString(const char *text) {
    (void)text;
    return &the_result;
}
PyObject *PyObject_SelfIter(PyObject *object) { return object; }
void _Py_IncRef(PyObject *object) { (void)object; }
void _Py_DecRef(PyObject *object) { (void)object; }

PyObject *PyType_FromSpec(PyType_Spec *spec) {
    for (PyType_Slot *slot = spec->slots; slot->slot != 0; slot++) {
        if (slot->slot == Py_tp_methods) {
            input_methods = slot->pfunc;
        }
    }
    return (PyObject *)&PyBaseObject_Type;
}

/* "OI:serve" for a lane, "|O" for read(). */
#undef PyArg_ParseTuple
int _PyArg_ParseTuple_SizeT(PyObject *args, const char *format, ...) {
    (void)args;
    if (format[0] != 'O') {
        return 1;
    }
    va_list list;
    va_start(list, format);
    *va_arg(list, PyObject **) = &the_result;
    *va_arg(list, unsigned int *) = self()->thread;
    va_end(list);
    return 1;
}
