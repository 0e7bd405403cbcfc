#ifndef PENKNIFE_INTERLEAVE_COROUTINE_H
#define PENKNIFE_INTERLEAVE_COROUTINE_H

#include "native.h"

#define PK_WATCHER 0xffffffffu /* instead of a thread's number: the thread that interrupts */

struct pk_lane_thread;

const pk_worker *pk_worker_load(const char *path, const char **error);
const char *pk_worker_reset(const pk_worker *w, void *base, uint64_t size, uint32_t index, uint32_t features);

struct pk_lane_thread *pk_lane_new(void);
pk_view *pk_lane_view(struct pk_lane_thread *lane);
/* Makes the lane one that has not begun; what it was in the middle of is forgotten, as when a process is killed. */
void pk_lane_begin(struct pk_lane_thread *lane, const pk_worker *worker, uint32_t thread);
/* Lets it run to its next turn. */
void pk_lane_step(struct pk_lane_thread *lane);

#endif
