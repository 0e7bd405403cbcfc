// Package tracing makes OpenTelemetry spans of requests: one for the request, and below it one for the wait in the queue
// and one for the application. It propagates W3C trace context: the application gets a traceparent that names our
// span, so that its own spans hang below.
//
// Whose traceparent counts is the question of who may decide what is recorded. That of a trusted peer (a unix socket, a
// trusted proxy, a uwsgi peer) is the parent, with its decision whether to sample. Anybody else's begins no trace of
// ours: the request is a new root, with a link to what the client said.
//
// Tracer.Before wraps the handler chain; Tracer.RequestDone, called by the server's observer, ends the spans with the
// times that the front end and the engines noted. Nothing of it waits for the collector: spans go to a bounded queue, and
// what does not fit is dropped and counted. The OpenTelemetry SDK has one goroutine for that, from Start to Shutdown; the
// package has no lock of its own.
package tracing
