/* The worker's side of the shared-memory queue (layout.h). No Python in here. */
#ifndef PENKNIFE_QUEUE_H
#define PENKNIFE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layout.h"

#if !defined(__linux__) || !(defined(__x86_64__) || defined(__aarch64__))
#error "penknife runs on Linux on x86-64 and arm64 only"
#endif

/* The mapped memory and where its parts are. Read-only after pk_queue_map. */
typedef struct {
    uint8_t *base;
    uint64_t size;
    uint32_t slots, workers, threads, ring_mask, spin, go_pid;
    uint64_t vars_area, request_ring, head_area, response_ring, area_size;
    uint8_t *lanes, *worker_records, *ring, *events, *slot_controls, *areas;
    uint64_t summary_words;
    int event_fd;
    const uint8_t *bodies; /* request bodies that need no window; NULL: there are none */
    uint64_t bodies_size;
} pk_queue;

/* One thread of this worker. */
typedef struct {
    pk_queue *queue;
    uint32_t worker, index; /* worker index, lane number */
    uint32_t *wake, *stop, *running;
    uint64_t *idle_word, idle_bit;
    uint64_t *busy, *since, *interrupt, *thread;
    uint32_t misread; /* cells in a row that did not belong to the ring's head */
    bool alone;       /* the last request was the only one in flight */
    int32_t trust;    /* in patience: how often it paid lately */
    uint32_t tries;   /* waits without trust */
} pk_lane;

/* A claimed slot. */
typedef struct {
    uint32_t index, position;
    uint8_t *control, *vars, *window, *head, *response;
} pk_slot;

#define PK_U32(p, off) ((uint32_t *)((p) + (off)))
#define PK_U64(p, off) ((uint64_t *)((p) + (off)))
#define pk_load(p) __atomic_load_n((p), __ATOMIC_SEQ_CST)
#define pk_note(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define pk_store(p, v) __atomic_store_n((p), (v), __ATOMIC_SEQ_CST)

/* Maps the memory of fd and keeps event_fd. geometry is what Go says of the header page, PK_GEOMETRY_SIZE bytes; that page itself
 * is not believed. Returns NULL, or what is wrong: then nothing is mapped. */
const char *pk_queue_map(pk_queue *q, const uint8_t *geometry, int fd, int event_fd);

/* Maps the memory for request bodies, read-only. Returns NULL, or what is wrong. */
const char *pk_bodies_map(pk_queue *q, int fd);

/* Where the body of a claimed slot, len bytes, lies in that memory: true with NULL for one that comes by the window, false when
 * it cannot be where the slot says. */
bool pk_body_at(const pk_queue *q, const pk_slot *slot, uint64_t len, const uint8_t **body);

/* Binds a lane to a thread of a worker. */
void pk_lane_init(pk_lane *lane, pk_queue *q, uint32_t worker, uint32_t thread);

/* CLOCK_MONOTONIC in nanoseconds, without a system call. */
uint64_t pk_now(void);

/* Says in the lane's record that it is occupied from now on, and until now. */
void pk_occupied(pk_lane *lane, uint64_t now);
void pk_released(pk_lane *lane, uint64_t now);

/* The claim of a slot as Go names it in PK_L_INTERRUPT. */
uint64_t pk_claim_name(const pk_slot *slot);

/* Waits until *word is no longer seen, or for a signal. Call it without the GIL. */
void pk_wait_for_change(uint32_t *word, uint32_t seen);

/* Takes the next waiting slot; false when none waits, or the ring makes no sense. Never blocks. */
bool pk_claim(pk_lane *lane, pk_slot *slot);

/* Whether Go asked the worker to leave. */
bool pk_stopping(const pk_lane *lane);

/* Waits until a slot may be waiting or the worker shall leave: looks a bounded number of times, then sleeps. Returns
 * early on a signal. Call it without the GIL. Ends the process when Go is gone. When the ring made no sense, it makes Go
 * look, which mends it. */
void pk_wait_for_work(pk_lane *lane);

/* For a lane that leaves: wakes another one if a slot waits, since Go may have woken this one for it. */
void pk_pass_on(pk_lane *lane);

/* Tells Go that something changed in a slot. Returns false when the eventfd is not ours any more: the worker is
 * beyond repair then and must exit. */
bool pk_publish(pk_queue *q, uint32_t slot);

/* Gives a claimed slot back as done, and publishes. */
bool pk_done(pk_lane *lane, pk_slot *slot);

/* Waits until Go changes go_seq from seen, for at most a second. Call it without the GIL. */
void pk_wait_for_go(const pk_slot *slot, uint32_t seen);

#endif
