#ifndef PENKNIFE_INTERLEAVE_WORKER_H
#define PENKNIFE_INTERLEAVE_WORKER_H

#include "../native.h"

extern pk_calls model_calls;
extern uint8_t *model_base;
extern uint64_t model_size;

#endif
