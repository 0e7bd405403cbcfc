#include "accel.h"

#include <unistd.h>

static bool is_ascii(const char *text, Py_ssize_t size) {
    unsigned char seen = 0;
    for (Py_ssize_t i = 0; i < size; i++) {
        seen |= (unsigned char)text[i];
    }
    return seen < 0x80;
}

const char *pk_latin1(PyObject *text, Py_ssize_t *size, PyObject **keep, const char *what) {
    *keep = NULL;
    if (!PyUnicode_Check(text)) {
        PyObject *type = PyObject_GetAttrString((PyObject *)Py_TYPE(text), "__name__");
        PyErr_Format(PyExc_TypeError, "%s must be str, not %S (PEP 3333)", what, type ? type : Py_None);
        Py_XDECREF(type);
        return NULL;
    }
    const char *utf8 = PyUnicode_AsUTF8AndSize(text, size);
    if (utf8 != NULL && is_ascii(utf8, *size)) {
        return utf8;
    }
    PyErr_Clear();
    char *bytes = NULL;
    *keep = PyUnicode_AsLatin1String(text);
    if (*keep == NULL || PyBytes_AsStringAndSize(*keep, &bytes, size) != 0) {
        PyErr_Clear();
        Py_CLEAR(*keep);
        PyErr_Format(PyExc_ValueError, "%s must have only code points up to U+00FF (PEP 3333): %R", what, text);
        return NULL;
    }
    return bytes;
}

PyTypeObject *pk_make_type(PyType_Spec *spec) { return (PyTypeObject *)PyType_FromSpec(spec); }

void pk_free_object(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

bool pk_aborted(pk_request *r) {
    if (!r->gone && r->live && pk_load(PK_U32(r->slot.control, PK_S_ABORT)) != 0) {
        r->gone = true;
    }
    return r->gone;
}

/* waiting counts threads, since an application may read its input in several. It is announced before the last look,
 * as Go looks at it after it changed something. */
int pk_wait(pk_request *r, bool (*ready)(pk_request *)) {
    pk_slot slot = r->slot;
    while (r->live && !ready(r) && !pk_aborted(r)) {
        uint32_t seen = pk_load(PK_U32(slot.control, PK_S_GO_SEQ));
        __atomic_fetch_add(PK_U32(slot.control, PK_S_WAITING), 1, __ATOMIC_SEQ_CST);
        if (!ready(r) && !pk_aborted(r)) {
            Py_BEGIN_ALLOW_THREADS
            pk_wait_for_go(&slot, seen);
            Py_END_ALLOW_THREADS
        }
        if (r->live) {
            __atomic_fetch_sub(PK_U32(slot.control, PK_S_WAITING), 1, __ATOMIC_SEQ_CST);
        }
        if (PyErr_CheckSignals() != 0) {
            return -1;
        }
    }
    return 0;
}

/* Without the eventfd the worker can answer nobody: the application closed descriptors that are not its own. */
void pk_publish_or_exit(pk_request *r) {
    if (!pk_publish(r->lane.queue, r->slot.index)) {
        pk_log_text(r, PK_ERROR, "the application closed the worker's descriptors; the worker exits");
        _exit(70);
    }
}
