/* The accelerator's readers of shared memory, driven by a test (python/readers_test.go): it asks over a pipe what they make of
 * bytes that lie right before a page that nobody may touch. */
#ifndef PENKNIFE_DRIVER_H
#define PENKNIFE_DRIVER_H

#include "../../accel/accel.h"

/* Memory of size bytes with a page behind it that ends the process when it is read; the next call takes it back. */
uint8_t *guarded(const uint8_t *bytes, size_t size);

/* What goes back to the test. */
void say(const void *bytes, size_t size);
void say_object(PyObject *text); /* str of latin-1, or bytes: u32 size and the bytes */
void say_refusal(void);          /* 0, and what kind of exception there is, which it clears */

/* One question each. */
int environ_prepare(void);
void environ_forget(void);
void environ_answer(const uint8_t *block, size_t size, uint32_t declared);
int input_prepare(void);
void input_answer(const uint8_t *window, size_t size, const uint8_t *words, size_t words_size);
void geometry_answer(const uint8_t *geometry, size_t size, uint32_t memory);
void peek_answer(const uint8_t *memory, size_t size, const uint8_t *key, size_t key_size);

#endif
