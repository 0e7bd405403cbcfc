/* Reads of the application's cache without a call, in memory that penknife writes (peek.h, appcalls/mirror). While we read,
 * penknife may overwrite everything: nothing counts before the word of the index was seen a second time, and no length
 * is used before it was checked. */
#define _GNU_SOURCE 1
#include "accel.h"
#include "peek.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct {
    const uint8_t *memory; /* NULL before peek_open; forked children have it too */
    const uint64_t *index;
    const uint8_t *ring;
    uint64_t buckets, ring_size;
} mirror;

static uint64_t load(const uint8_t *at) { return __atomic_load_n((const uint64_t *)(const void *)at, __ATOMIC_ACQUIRE); }

static bool power_of_two(uint64_t n) { return n != 0 && (n & (n - 1)) == 0; }

static int use_memory(const uint8_t *memory, uint64_t size) {
    uint64_t words = load(memory + PK_M_OFF_INDEX), ring = load(memory + PK_M_OFF_RING);
    if (load(memory + PK_M_OFF_MAGIC) != PK_M_MAGIC || load(memory + PK_M_OFF_VERSION) != PK_M_VERSION ||
        !power_of_two(words) || !power_of_two(ring) || words < PK_M_BUCKET_WORDS || words > (1ULL << 40) ||
        ring > (1ULL << 40) || PK_M_HEADER_SIZE + words * 8 + ring != size) {
        PyErr_SetString(PyExc_ConnectionError, "penknife sent something else than the cache's memory");
        return -1;
    }
    mirror.index = (const uint64_t *)(const void *)(memory + PK_M_HEADER_SIZE);
    mirror.ring = memory + PK_M_HEADER_SIZE + words * 8;
    mirror.buckets = words / PK_M_BUCKET_WORDS;
    mirror.ring_size = ring;
    mirror.memory = memory;
    return 0;
}

static int map_mirror(int fd) {
    struct stat about;
    if (fstat(fd, &about) != 0 || about.st_size < PK_M_HEADER_SIZE) {
        PyErr_SetString(PyExc_ConnectionError, "penknife sent something else than the cache's memory");
        return -1;
    }
    size_t size = (size_t)about.st_size;
    void *memory = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    if (mirror.memory != NULL || use_memory(memory, size) != 0) { /* another thread may have been quicker */
        munmap(memory, size);
    }
    return mirror.memory != NULL ? 0 : -1;
}

PyObject *pk_peek_open(PyObject *module, PyObject *args) {
    (void)module;
    unsigned char operation;
    double timeout;
    if (!PyArg_ParseTuple(args, "bd:peek_open", &operation, &timeout)) {
        return NULL;
    }
    pk_answer about;
    PyObject *answer = pk_call_send(operation, (struct iovec){NULL, 0}, (int64_t)(timeout * 1000) + 1, &about);
    if (answer == NULL) {
        return NULL;
    }
    int failed = 0;
    if (about.descriptor >= 0) {
        failed = map_mirror(about.descriptor);
        close(about.descriptor);
    }
    if (failed) {
        Py_DECREF(answer);
        return NULL;
    }
    return Py_BuildValue("iN", (int)about.status, answer);
}

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static uint64_t hash_of(const char *key, size_t size) {
    uint64_t hash = 14695981039346656037ULL; /* FNV-1a, RFC 9923 */
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ (uint8_t)key[i]) * 1099511628211ULL;
    }
    return hash;
}

/* Copies the value of the record that word names. NULL without an exception when it is not the key's, or not any more. */
static PyObject *read_record(const uint64_t *place, uint64_t word, const char *key, size_t size) {
    uint64_t offset = word * 8 & (mirror.ring_size - 1);
    const uint8_t *record = mirror.ring + offset;
    uint64_t room = mirror.ring_size - offset, padded = (size + 7) & ~(uint64_t)7;
    if (room < PK_M_REC_DATA + padded) {
        return NULL;
    }
    uint64_t lengths = load(record + PK_M_REC_LENGTHS), value = lengths >> 32;
    if ((uint32_t)lengths != size || value > room - PK_M_REC_DATA - padded || memcmp(record + PK_M_REC_DATA, key, size) != 0 ||
        (int64_t)load(record + PK_M_REC_UNTIL) <= now_ns()) {
        return NULL;
    }
    uint64_t epoch = load(record + PK_M_REC_EPOCH);
    PyObject *copy = PyBytes_FromStringAndSize((const char *)record + PK_M_REC_DATA + padded, (Py_ssize_t)value);
    if (copy == NULL) {
        return NULL;
    }
    __atomic_thread_fence(__ATOMIC_ACQUIRE); /* what follows is read after the copy */
    if (__atomic_load_n(place, __ATOMIC_ACQUIRE) != word || load(mirror.memory + PK_M_OFF_EPOCH) != epoch) {
        Py_CLEAR(copy);
    }
    return copy;
}

static PyObject *look_up(const char *key, size_t size) {
    const uint64_t mask = (1ULL << PK_M_POSITION_BITS) - 1;
    uint64_t hash = hash_of(key, size);
    const uint64_t *bucket = mirror.index + hash % mirror.buckets * PK_M_BUCKET_WORDS;
    for (int i = 0; i < PK_M_BUCKET_WORDS; i++) {
        uint64_t word = __atomic_load_n(bucket + i, __ATOMIC_ACQUIRE);
        if (word == 0 || ((word ^ hash) & ~mask) != 0) {
            continue;
        }
        PyObject *found = read_record(bucket + i, word, key, size);
        if (found != NULL || PyErr_Occurred()) {
            return found;
        }
    }
    return NULL;
}

PyObject *pk_peek(PyObject *module, PyObject *key) {
    (void)module;
    if (mirror.memory == NULL) {
        return Py_NewRef(Py_None);
    }
    Py_ssize_t size = 0;
    const char *text = NULL;
    if (PyUnicode_Check(key)) {
        text = PyUnicode_AsUTF8AndSize(key, &size);
        PyErr_Clear(); /* what is no text is for the call to complain about */
    } else if (PyBytes_Check(key)) {
        text = PyBytes_AsString(key);
        size = PyBytes_Size(key);
    }
    PyObject *found = text != NULL ? look_up(text, (size_t)size) : NULL;
    if (found == NULL && PyErr_Occurred()) {
        return NULL;
    }
    return found != NULL ? found : Py_NewRef(Py_None);
}
