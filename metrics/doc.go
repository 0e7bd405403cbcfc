// Package metrics holds the Prometheus collectors of penknife on a registry of its own, grouped by who feeds them:
// Requests by whoever ends a request, Fronts by the front ends, Workers by the worker manager. What is a state and no
// count comes from a Pool that is taken for each scrape.
//
// Names are penknife_<area>_<what>_<unit|total>. Every label is bounded: by a table, or by a count after which a new
// value counts as "other". On the path of a request no label is looked up; a counter is an array element.
// All methods may be called from any goroutine, and never block. The package starts no goroutine; its only lock,
// bounded.mu, guards the map of a bounded counter and is a leaf.
package metrics
