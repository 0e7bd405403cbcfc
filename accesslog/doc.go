// Package accesslog writes one record for each request: in the combined format, as JSON, as uWSGI's request line, or by a
// format string with the atoms of gunicorn or of uWSGI. It is fed by the server's observer, which is told about every
// request that reached a front end, those that were refused, cut or killed included.
//
// A format is compiled once into a list of functions that append. Add runs them under the lock of the log's
// logsinks.Writer and allocates nothing; variables of the request that the format names are found in one scan of the
// block, and there is no scan if it names none. What a client sent is escaped always: nobody can end a field or a line.
//
// The package starts no goroutine and has no lock of its own.
package accesslog
