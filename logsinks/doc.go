// Package logsinks brings log records to where they are kept: standard streams, files, syslog, the systemd journal.
//
// A Writer is the way of one log. Records gather in memory, one append under a lock, and a goroutine of the Writer hands
// them to its Target. Whatever a Target does (a full disk, a pipe that nobody reads, a journal that hangs), nobody who
// logs waits for it: what does not fit into the buffer is dropped, counted, and said.
//
// A Target is used by that goroutine alone, and may block. Targets for lines get many records in one write; those for
// messages (syslog, journal) get each on its own, with its severity and time.
//
// Each Writer has one goroutine from Start to Shutdown, and one lock, Writer.mu, that is held for appending only.
package logsinks
