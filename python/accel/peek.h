/* The memory with copies of the application's cache: offsets. Only penknife (Go) writes it. The Go side of every
 * definition is appcalls/mirror/layout.go; a Go test reads this file and compares. */
#ifndef PENKNIFE_PEEK_H
#define PENKNIFE_PEEK_H

#define PK_M_MAGIC 0x31524f5252494d50ULL /* "PMIRROR1" */
#define PK_M_VERSION 1
#define PK_M_HEADER_SIZE 4096
#define PK_M_OFF_MAGIC 0    /* u64 */
#define PK_M_OFF_VERSION 8  /* u64 */
#define PK_M_OFF_INDEX 16   /* u64 words, a power of two */
#define PK_M_OFF_RING 24    /* u64 bytes, a power of two */
#define PK_M_OFF_EPOCH 64   /* u64 changes when all copies are void */
#define PK_M_BUCKET_WORDS 8

#define PK_M_REC_HASH 0     /* u64 */
#define PK_M_REC_EPOCH 8    /* u64 */
#define PK_M_REC_UNTIL 16   /* i64 ns of CLOCK_MONOTONIC */
#define PK_M_REC_LENGTHS 24 /* u32 key, u32 value */
#define PK_M_REC_DATA 32    /* key, then value, each filled up to a multiple of 8 */

#define PK_M_POSITION_BITS 48 /* of a word of the index, in units of 8 bytes; above are the upper bits of the hash */

#endif
