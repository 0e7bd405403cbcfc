#include "../../accel/peek.c"

#include "driver.h"

/* 0 and an exception; 1 for memory without the key; 2 and the value. */
void peek_answer(const uint8_t *memory, size_t size, const uint8_t *key, size_t key_size) {
    mirror.memory = NULL;
    if (size < PK_M_HEADER_SIZE) {
        say("\1", 1); /* map_mirror does not let it through */
        return;
    }
    if (use_memory(guarded(memory, size), size) != 0) {
        say_refusal();
        return;
    }
    PyObject *found = look_up((const char *)key, key_size);
    if (found == NULL && PyErr_Occurred()) {
        say_refusal();
        return;
    }
    say(found ? "\2" : "\1", 1);
    if (found != NULL) {
        say_object(found);
    }
    Py_XDECREF(found);
}
