/* The shared memory between penknife (Go) and its Python workers: offsets, states and who may write what.
 *
 * One sealed memfd per generation. The Go side of every definition is workers/link/layout.go; a Go test reads this
 * file and compares. All integers are little-endian and naturally aligned; words that both sides touch are accessed
 * with sequentially consistent atomics only.
 *
 *   header page | lanes | worker records | ring | event bits | slot controls | slot areas
 *
 * A lane is one thread of one worker process: lane = thread * workers + worker index.
 */
#ifndef PENKNIFE_LAYOUT_H
#define PENKNIFE_LAYOUT_H

#define PK_MAGIC 0x31454649464b4e50ULL /* "PNKFIFE1" */
#define PK_VERSION 4

/* Header page. Everything before PK_H_GO_ASLEEP is written once, before the first worker starts: the geometry. Processes get a
 * copy of it from Go by another way, and never read it here, since any worker may have written over it. */
#define PK_H_MAGIC 0            /* u64 */
#define PK_H_VERSION 8          /* u32 */
#define PK_H_SLOTS 12           /* u32 requests that can be in flight */
#define PK_H_WORKERS 16         /* u32 worker indexes */
#define PK_H_THREADS 20         /* u32 threads of each worker */
#define PK_H_RING_SIZE 24       /* u32 entries, a power of two */
#define PK_H_SPIN 28            /* u32 looks at the ring before a lane sleeps; 0: none, and no patience */
#define PK_H_VARS_AREA 32       /* u64 bytes for a var block */
#define PK_H_REQUEST_RING 40    /* u64 bytes of request body window, a power of two */
#define PK_H_HEAD_AREA 48       /* u64 bytes for a response head */
#define PK_H_RESPONSE_RING 56   /* u64 bytes of response body window, a power of two */
#define PK_H_OFF_LANES 64       /* u64 offsets from the start of the memory */
#define PK_H_OFF_WORKERS 72
#define PK_H_OFF_RING 80
#define PK_H_OFF_EVENTS 88
#define PK_H_OFF_SLOTS 96
#define PK_H_OFF_AREAS 104
#define PK_H_TOTAL 112          /* u64 bytes in all */
#define PK_H_GO_PID 120         /* u32 */
#define PK_H_GO_ASLEEP 128      /* u32 1: the Go reader waits for the eventfd; a worker swaps it to 0 and writes */
#define PK_H_RING_HEAD 192      /* u64 next position to claim; any lane and Go advance it by CAS */
#define PK_H_RING_TAIL 256      /* u64 next position to fill; Go only */
#define PK_H_IDLE 320           /* u64[16] one bit a lane: it is going to sleep */
#define PK_IDLE_WORDS 16
#define PK_HEADER_SIZE 4096
#define PK_GEOMETRY_SIZE 128

/* Lane record. */
#define PK_LANE_SIZE 64
#define PK_L_WAKE 0             /* u32 futex: Go sets 1 and wakes; the lane sets 0 before it announces sleep */
#define PK_L_BUSY 8             /* u64 lane: nanoseconds of the requests that it has behind it, close() included */
#define PK_L_SINCE 16           /* u64 lane: CLOCK_MONOTONIC at the present one's claim, 0 without one */
#define PK_L_INTERRUPT 24       /* u64 Go: the claim that is to be interrupted, position << 32 | slot + 1; 0 none */
#define PK_L_THREAD 32          /* u64 lane: its thread, as faulthandler names it */

/* Worker record. */
#define PK_WORKER_SIZE 64
#define PK_W_STOP 0             /* u32 Go: leave after what you are doing */
#define PK_W_RUNNING 4          /* u32 worker: lanes that hold a request */
#define PK_W_INTERRUPTS 8       /* u32 futex: Go changes it after it has changed a PK_L_INTERRUPT */

/* Ring entry: u64, position (low 32 bits) << 32 | slot index. */

/* Event bits: u64[(slots + 63) / 64] summary words first (one bit a word below), then one bit a slot. */

/* Slot control, 256 bytes, each writer on its own cache line. */
#define PK_SLOT_SIZE 256
#define PK_S_STATE 0            /* u64 position << 32 | (lane + 1) << 8 | state */
/* Written by the lane that claims, on the line that the claim has fetched anyway: CLOCK_MONOTONIC in nanoseconds. */
#define PK_S_CLAIMED_AT 8       /* u64 just after the claim */
#define PK_S_DONE_AT 16         /* u64 just before DONE */
/* Written by Go. */
#define PK_S_GO_SEQ 64          /* u32 futex: changed when Go has something for a waiting lane */
#define PK_S_ABORT 68           /* u32 1: nobody wants the answer any more */
#define PK_S_VARS_LEN 72        /* u32 */
#define PK_S_ALONE 76           /* u32 1: no other request was in flight lately */
#define PK_S_BODY_LEN 80        /* u64 request body, in all */
#define PK_S_REQ_PRODUCED 88    /* u64 request body bytes put into the window so far */
#define PK_S_RESP_CONSUMED 96   /* u64 response body bytes taken from the window so far */
#define PK_S_REQUEST_ID 104     /* u64 */
#define PK_S_BODY_AT 112        /* u64 where the whole request body lies in the memory for bodies, + 1; 0: it comes by the window */
/* Written by the worker that holds the slot. */
#define PK_S_WAITING 128        /* u32 1: a thread of the worker waits on PK_S_GO_SEQ */
#define PK_S_PHASE 132          /* u32 PK_PHASE_... */
#define PK_S_FLAGS 136          /* u32 PK_FLAG_... */
#define PK_S_STATUS 140         /* u32 200..999 */
#define PK_S_REASON_LEN 144     /* u32 bytes at the start of the head area: the reason phrase */
#define PK_S_HEAD_LEN 148       /* u32 bytes of the head area: reason and field lines */
#define PK_S_RESP_LEN 152       /* i64 body length, -1 unknown */
#define PK_S_RESP_PRODUCED 160  /* u64 response body bytes put into the window so far */
#define PK_S_REQ_CONSUMED 168   /* u64 request body bytes taken from the window so far */
#define PK_S_FILE_OFFSET 176    /* u64 */

/* States of a slot. FREE -> QUEUED (Go) -> CLAIMED (lane, by CAS) -> DONE (lane); QUEUED -> CANCELLED (Go, by CAS). */
#define PK_FREE 0
#define PK_QUEUED 1
#define PK_CLAIMED 2
#define PK_DONE 3
#define PK_CANCELLED 4

/* How far the response is. */
#define PK_PHASE_NONE 0
#define PK_PHASE_HEAD 1         /* the head fields and the head area are final */
#define PK_PHASE_ERROR 2        /* the application raised before its head was sent */

/* Response flags. */
#define PK_FLAG_FILE 1          /* the body is a file that comes over the control socket */
#define PK_FLAG_CUT 2           /* the body is incomplete: the application failed or sent too little */

/* Slot area: var block | request window | response head | response window, sizes from the header page. */

#endif
