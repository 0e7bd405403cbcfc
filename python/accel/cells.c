/* The numbers of the application's metrics: cells of 8 bytes, float64, in memory that penknife keeps and all workers
 * share. Whoever dies in the middle leaves the old number or the new one. The Go side is appcalls/series. */
#define _GNU_SOURCE 1
#include "accel.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t *cells; /* forked children have them too */
static Py_ssize_t cell_count;

static int map_cells(int fd, uint64_t count) {
    struct stat about;
    if (count == 0 || count > (1u << 30) || fstat(fd, &about) != 0 || (uint64_t)about.st_size < count * sizeof *cells) {
        PyErr_SetString(PyExc_ConnectionError, "penknife sent something else than the metrics' memory");
        return -1;
    }
    void *memory = mmap(NULL, count * sizeof *cells, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    if (cells != NULL) { /* another thread was quicker */
        munmap(memory, count * sizeof *cells);
        return 0;
    }
    cells = memory;
    cell_count = (Py_ssize_t)count;
    return 0;
}

PyObject *pk_cells_open(PyObject *module, PyObject *args) {
    (void)module;
    unsigned char operation;
    double timeout;
    if (!PyArg_ParseTuple(args, "bd:cells_open", &operation, &timeout)) {
        return NULL;
    }
    if (cells != NULL) {
        return Py_BuildValue("iy", 1, "");
    }
    pk_answer about;
    PyObject *answer = pk_call_send(operation, (struct iovec){NULL, 0}, (int64_t)(timeout * 1000) + 1, &about);
    if (answer == NULL) {
        return NULL;
    }
    int failed = 0;
    if (about.descriptor >= 0) {
        uint64_t count = 0;
        if (PyBytes_Size(answer) == sizeof count) {
            memcpy(&count, PyBytes_AsString(answer), sizeof count);
        }
        failed = map_cells(about.descriptor, count);
        close(about.descriptor);
    }
    if (failed) {
        Py_DECREF(answer);
        return NULL;
    }
    return Py_BuildValue("iN", (int)about.status, answer);
}

/* A cell that does not exist takes what is counted and keeps nothing: a metric over a limit must not raise. */
static uint64_t *cell_at(Py_ssize_t index) { return index >= 0 && index < cell_count ? cells + index : NULL; }

static double as_double(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint64_t as_bits(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void add(uint64_t *cell, double amount) {
    uint64_t seen = __atomic_load_n(cell, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(cell, &seen, as_bits(as_double(seen) + amount), true, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED)) {
    }
}

PyObject *pk_cell_add(PyObject *module, PyObject *args) {
    (void)module;
    Py_ssize_t index;
    double amount;
    if (!PyArg_ParseTuple(args, "nd:cell_add", &index, &amount)) {
        return NULL;
    }
    uint64_t *cell = cell_at(index);
    if (cell != NULL) {
        add(cell, amount);
    }
    return Py_NewRef(Py_None);
}

PyObject *pk_cell_set(PyObject *module, PyObject *args) {
    (void)module;
    Py_ssize_t index;
    double value;
    if (!PyArg_ParseTuple(args, "nd:cell_set", &index, &value)) {
        return NULL;
    }
    uint64_t *cell = cell_at(index);
    if (cell != NULL) {
        __atomic_store_n(cell, as_bits(value), __ATOMIC_RELAXED);
    }
    return Py_NewRef(Py_None);
}

PyObject *pk_cell_get(PyObject *module, PyObject *args) {
    (void)module;
    Py_ssize_t index;
    if (!PyArg_ParseTuple(args, "n:cell_get", &index)) {
        return NULL;
    }
    uint64_t *cell = cell_at(index);
    return PyFloat_FromDouble(cell == NULL ? 0.0 : as_double(__atomic_load_n(cell, __ATOMIC_RELAXED)));
}

PyObject *pk_cell_observe(PyObject *module, PyObject *args) {
    (void)module;
    Py_ssize_t count, sum;
    double amount;
    if (!PyArg_ParseTuple(args, "nnd:cell_observe", &count, &sum, &amount)) {
        return NULL;
    }
    uint64_t *counts = cell_at(count), *sums = cell_at(sum);
    if (counts != NULL && sums != NULL) {
        add(sums, amount);
        add(counts, 1);
    }
    return Py_NewRef(Py_None);
}
