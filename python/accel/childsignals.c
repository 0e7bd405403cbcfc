/* Signals of the application's children. Between fork() and the moment when a child has handlers of its own, it has those of
 * the worker, and the interpreter forgets what has come meanwhile (PyOS_AfterFork_Child): a child that is ended at once, as
 * multiprocessing.Pool does, would live on. So they wait in the kernel. Built-in functions, since bytecode in their place would
 * run the application's signal handlers, whose exceptions os.register_at_fork does not pass on. */
#define _GNU_SOURCE 1
#include "accel.h"

#include <pthread.h>
#include <signal.h>

static __thread sigset_t before;
static __thread bool held;

PyObject *pk_hold_signals(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    sigset_t left_to_go;
    sigemptyset(&left_to_go);
    sigaddset(&left_to_go, SIGTERM);
    sigaddset(&left_to_go, SIGINT);
    sigaddset(&left_to_go, SIGHUP);
    held = pthread_sigmask(SIG_BLOCK, &left_to_go, &before) == 0;
    return Py_NewRef(Py_None);
}

PyObject *pk_release_signals(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    if (held) {
        held = false;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    return Py_NewRef(Py_None);
}
