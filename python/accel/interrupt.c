/* Ends a request whose time is over by an exception in the thread that has it. Go names the claim in the lane's record;
 * what counts is what the lane holds at the moment of the exception, under the GIL, so that no other request is hit.
 *
 * The main thread raises in its signal handler, which also ends what it waits for. For the others a thread of ours uses
 * an asynchronous exception, which comes with the next bytecode: a call that blocks in C goes on until it returns. */
#define _GNU_SOURCE 1
#include "accel.h"

static PyObject *exception;

void pk_enter_app(pk_request *r) { r->in_app = true; }

/* An asynchronous exception that has not come yet would come in whatever the thread does next. */
void pk_leave_app(pk_request *r) {
    r->in_app = false;
    if (r->interrupted) {
        PyThreadState_SetAsyncExc(r->thread, NULL);
    }
}

/* Once for each request: what the application does about it is not disturbed again. */
static bool wanted(const pk_request *r) {
    return r != NULL && exception != NULL && r->in_app && r->live && !r->interrupted &&
           pk_load(r->lane.interrupt) == pk_claim_name(&r->slot);
}

PyObject *pk_interrupts(PyObject *module, PyObject *type) {
    (void)module;
    Py_XDECREF(exception);
    exception = Py_NewRef(type);
    return Py_NewRef(Py_None);
}

/* Runs in the main thread only, between two bytecodes or where C code asks for signals. A child that the application
 * has forked has a copy of the request, which is not its own. */
PyObject *pk_on_interrupt(PyObject *module, PyObject *args) {
    (void)module;
    (void)args;
    pk_request *r = pk_this.requests ? pk_this.requests[0] : NULL;
    if (wanted(r) && !pk_is_forked()) {
        r->interrupted = true;
        PyErr_SetNone(exception);
        return NULL;
    }
    return Py_NewRef(Py_None);
}

PyObject *pk_watch_interrupts(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    if (!pk_this.configured) {
        PyErr_SetString(PyExc_RuntimeError, "penknife: watch_interrupts() before configure()");
        return NULL;
    }
    uint8_t *record = pk_this.queue.worker_records + (size_t)pk_this.worker * PK_WORKER_SIZE;
    uint32_t *changes = PK_U32(record, PK_W_INTERRUPTS);
    for (;;) {
        uint32_t seen = pk_load(changes);
        for (uint32_t thread = 1; thread < pk_this.queue.threads; thread++) {
            pk_request *r = pk_this.requests[thread];
            if (wanted(r)) {
                r->interrupted = true;
                PyThreadState_SetAsyncExc(r->thread, exception);
            }
        }
        Py_BEGIN_ALLOW_THREADS
        pk_wait_for_change(changes, seen);
        Py_END_ALLOW_THREADS
    }
}
