package logsinks

import "log/slog"

// Severity is how important a record is, in the numbers of RFC 5424 section 6.2.1.
type Severity uint8

// The severities that are used.
const (
	SeverityError   Severity = 3
	SeverityWarning Severity = 4
	SeverityInfo    Severity = 6
	SeverityDebug   Severity = 7
)

// SeverityOf translates a level of log/slog.
func SeverityOf(level slog.Level) Severity {
	switch {
	case level >= slog.LevelError:
		return SeverityError
	case level >= slog.LevelWarn:
		return SeverityWarning
	case level >= slog.LevelInfo:
		return SeverityInfo
	}
	return SeverityDebug
}
