// Package series keeps the metrics of the application's own code: what they are called, and their numbers, which lie in
// memory that the workers share. A worker asks for the place of a series once; from then on it counts there with atomic
// operations of its own, and neither this process nor another worker is involved. The memory is this process's: it
// outlives every worker and every generation.
//
// A cell is 8 bytes, a float64. A counter or a gauge has one, a summary two, a histogram one for each bucket, one for what is
// above the last, and one for the sum. A gauge that is kept for each process has one for each process.
//
// What it never does: it trusts no number in the cells (any bits are a float64) and computes no address from them.
// Nothing is allocated before the first metric. Goroutines: none. Locks: Board.mu, a leaf.
package series
