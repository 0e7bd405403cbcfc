// Package logs is the two logs of the process, as the configuration wants them: messages, through one *slog.Logger, and a
// line for each request, through an accesslog.Log. It opens their outputs, chooses the formats, changes the level, begins
// files anew after a rotation, limits floods and tells of lines that were lost. How outputs are written is package
// logsinks; what stands in an access line is package accesslog.
//
// Goroutines: the writer of each log, from Start to Shutdown; one for each ReopenSoon, for 5 s at most.
// Locks: limiterState.mu, a leaf.
package logs
