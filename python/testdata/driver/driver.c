#define _GNU_SOURCE 1
#include "driver.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A question: u8 kind, u32 number, u32 size, u32 size of a second part, both parts. */
#define HEAD 13
enum { FORGET = 'F', ENVIRON = 'E', PEEK = 'P', INPUT = 'I', GEOMETRY = 'G' };
#define LARGEST (1 << 20)

static uint8_t *answer;
static size_t answered, room;

void say(const void *bytes, size_t size) {
    if (answered + size > room) {
        room = 2 * (answered + size);
        answer = realloc(answer, room);
    }
    memcpy(answer + answered, bytes, size);
    answered += size;
}

void say_object(PyObject *text) {
    Py_ssize_t size = 0;
    char *bytes = NULL;
    PyObject *plain = PyUnicode_Check(text) ? PyUnicode_AsLatin1String(text) : Py_NewRef(text);
    if (plain == NULL || PyBytes_AsStringAndSize(plain, &bytes, &size) != 0) {
        abort(); /* neither a str of latin-1 nor bytes */
    }
    uint32_t n = (uint32_t)size;
    say(&n, sizeof n);
    say(bytes, n);
    Py_DECREF(plain);
}

void say_refusal(void) {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (type == NULL) {
        abort(); /* refused without an exception */
    }
    PyObject *name = PyObject_GetAttrString(type, "__name__");
    say("\0", 1);
    say_object(name);
    Py_XDECREF(name);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
}

uint8_t *guarded(const uint8_t *bytes, size_t size) {
    static uint8_t *memory;
    static size_t whole;
    const size_t page = 4096, pages = (size + page) / page * page;
    if (memory != NULL) {
        munmap(memory, whole);
    }
    whole = pages + 2 * page;
    memory = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory, page, PROT_NONE) != 0 || mprotect(memory + page + pages, page, PROT_NONE) != 0) {
        abort();
    }
    uint8_t *at = memory + page + pages - size;
    memcpy(at, bytes, size);
    return at;
}

static bool get(void *to, size_t size) {
    for (size_t got = 0; got < size;) {
        ssize_t n = read(0, (char *)to + got, size - got);
        if (n <= 0) {
            return false;
        }
        got += (size_t)n;
    }
    return true;
}

static bool give(void) {
    uint32_t size = (uint32_t)answered;
    bool done = write(1, &size, sizeof size) == sizeof size;
    for (size_t given = 0; done && given < answered;) {
        ssize_t n = write(1, answer + given, answered - given);
        done = n > 0;
        given += done ? (size_t)n : 0;
    }
    answered = 0;
    return done;
}

/* Answers questions on stdin until it ends. */
__attribute__((visibility("default"))) int drive(void) {
    uint8_t head[HEAD], *parts = malloc(2 * LARGEST);
    uint32_t number, size, second;
    if (parts == NULL || environ_prepare() != 0 || input_prepare() != 0) {
        return 1;
    }
    while (get(head, HEAD)) {
        memcpy(&number, head + 1, 4);
        memcpy(&size, head + 5, 4);
        memcpy(&second, head + 9, 4);
        if (size > LARGEST || second > LARGEST || !get(parts, size + second)) {
            return 1;
        }
        if (head[0] == FORGET) {
            environ_forget();
        } else if (head[0] == ENVIRON) {
            environ_answer(parts, size, number);
        } else if (head[0] == PEEK) {
            peek_answer(parts, size, parts + size, second);
        } else if (head[0] == INPUT) {
            input_answer(parts, size, parts + size, second);
        } else if (head[0] == GEOMETRY) {
            geometry_answer(parts, size, number);
        }
        if (!give()) {
            return 1;
        }
    }
    return 0;
}
