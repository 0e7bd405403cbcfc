/* As much of an interpreter as the accelerator needs to run an application that is written in C. */
#ifndef PENKNIFE_INTERLEAVE_PYTHON_H
#define PENKNIFE_INTERLEAVE_PYTHON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Between two bytecodes: other threads may run, and what was asked of this one is raised. False: an exception. */
bool model_bytecode(void);
/* input.read(). NULL with an exception. */
const char *model_read(void *input, size_t *size);
bool model_failed(void);    /* an exception is set */
void model_raise(void);     /* sets one of the application's own */
bool model_interrupted(void); /* the one that is set is penknife's */
void *model_result(void);   /* what an application returns */
void model_python_reset(uint32_t features);
void model_begin_thread(uint32_t thread);

#endif
