package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"penknife/accesslog"
	"penknife/configs"
	"penknife/incidents"
	"penknife/logsinks"
	"penknife/metrics"
	"penknife/osproc"
)

// complainEvery is how often it is said that a log cannot be written.
const complainEvery = 10 * time.Second

// reopenTime bounds how long a log may take to begin anew.
const reopenTime = 5 * time.Second

// logs is the two logs of the process: messages, and a line for each request.
type logs struct {
	level  slog.LevelVar
	main   *logsinks.Writer
	access *logsinks.Writer // nil when there is none
	lines  *accesslog.Log   // nil when there is none
	log    *slog.Logger     // writes to main

	stderr    io.Writer // where failures of main are told; nil when main is there itself
	reopening sync.WaitGroup
}

// logDeps is what the logs get from the composition root.
type logDeps struct {
	stdout, stderr io.Writer
	counter        *metrics.Logs
	errors         *incidents.Ring
	environ        []string

	uid, gid int // that own new files, -1: as they come
}

// findOwner finds whom new files are for: the user that this process will be, or it could not open the next ones.
func (d *logDeps) findOwner(loaded *configs.Loaded) error {
	d.uid, d.gid = -1, -1
	cfg := loaded.Config.Process
	if cfg.User == "" || os.Geteuid() != 0 {
		return nil
	}
	id, err := osproc.LookupIdentity(cfg.User, cfg.Group)
	if err != nil {
		return loaded.Problem("process.user", err)
	}
	d.uid, d.gid = id.UID, id.GID
	return nil
}

// newLogs opens the outputs. Nothing is written before start. The error is the configuration's.
func newLogs(loaded *configs.Loaded, d logDeps) (*logs, error) {
	cfg := loaded.Config.Log
	format, err := accessFormat(loaded)
	if err != nil {
		return nil, err
	}
	l := &logs{}
	l.level.Set(logLevels[cfg.Level])
	if err := d.findOwner(loaded); err != nil {
		return nil, err
	}
	target, err := d.target(cfg, cfg.Output, cfg.File)
	if err != nil {
		return nil, loaded.Problem(outputKey("log.output", "log.file", cfg.File), err)
	}
	if cfg.File != "" || cfg.Output != "stderr" {
		l.stderr = d.stderr
	}
	complain := newComplainer(l.complainOfMain, d.counter.Main)
	l.main = logsinks.New(logsinks.Options{Target: target, Limit: int(cfg.Buffer), Dropped: complain.dropped})
	l.log = newLogger(newHandler(cfg, &l.level, l.main, d.readBySystemd(cfg)), d.errors)
	if format == nil {
		return l, nil
	}
	if target, err = d.target(cfg, cfg.AccessOutput, cfg.AccessFile); err != nil {
		return nil, errors.Join(loaded.Problem(outputKey("log.access_output", "log.access_file", cfg.AccessFile), err), l.stop(context.Background()))
	}
	complain = newComplainer(func(text string, lines int, err error) {
		l.log.Warn("access log: "+text, "lines", lines, "error", err)
	}, d.counter.Access)
	l.access = logsinks.New(logsinks.Options{
		Target: target, Delay: cfg.AccessDelay, Limit: int(cfg.Buffer), Dropped: complain.dropped,
	})
	l.lines = accesslog.New(format, l.access, wrapperOf(cfg), accesslog.Filter{Status: cfg.AccessStatus, Slow: cfg.AccessSlow})
	return l, nil
}

func outputKey(output, file, path string) string {
	if path != "" {
		return file
	}
	return output
}

// accessFormat compiles log.access; nil for off.
func accessFormat(loaded *configs.Loaded) (*accesslog.Format, error) {
	cfg := loaded.Config.Log
	if cfg.Access == "off" || cfg.Access == "" {
		return nil, nil
	}
	format, err := accesslog.Compile(cfg.Access, int(cfg.AccessValue))
	if err != nil {
		return nil, loaded.Problem("log.access", err)
	}
	return format, nil
}

func logsToJournal(output, file string) bool { return file == "" && output == "journald" }

func wrapperOf(cfg configs.Log) accesslog.Wrapper {
	switch {
	case cfg.AccessFile != "":
		return accesslog.WrapLine
	case cfg.AccessOutput == "journald":
		return accesslog.WrapJournal
	case cfg.AccessOutput == "syslog":
		return accesslog.WrapNothing
	}
	return accesslog.WrapLine
}

// target makes what one log is written to.
func (d *logDeps) target(cfg configs.Log, output, path string) (logsinks.Target, error) {
	switch {
	case path != "":
		return logsinks.File{Path: path, Mode: fs.FileMode(cfg.FileMode.Perm()), UID: d.uid, GID: d.gid}.Open()
	case output == "stdout":
		return logsinks.Stream(d.stdout), nil
	case output == "syslog":
		return logsinks.Syslog{
			Address: cfg.SyslogAddress, Facility: cfg.SyslogFacility, Tag: cfg.SyslogTag, Format: cfg.SyslogFormat,
		}.Open()
	case output == "journald":
		return logsinks.Journal(cfg.JournalSocket, cfg.SyslogTag), nil
	}
	return logsinks.Stream(d.stderr), nil
}

// readBySystemd tells whether messages go to a stream that is systemd's.
func (d *logDeps) readBySystemd(cfg configs.Log) bool {
	out := map[string]io.Writer{"stderr": d.stderr, "stdout": d.stdout}[cfg.Output]
	if cfg.File != "" || out == nil {
		return false
	}
	for _, entry := range d.environ {
		if value, found := strings.CutPrefix(entry, "JOURNAL_STREAM="); found {
			return logsinks.IsJournalStream(out, value)
		}
	}
	return false
}

// complainer says that records were lost, but not for each write that failed. The goroutine of one Writer uses it.
type complainer struct {
	say   func(text string, lines int, err error)
	count func(lines int)
	last  time.Time
	lost  int // since
}

func newComplainer(say func(string, int, error), count func(int)) *complainer {
	return &complainer{say: say, count: count}
}

func (c *complainer) dropped(lines int, err error) {
	c.count(lines)
	c.lost += lines
	now := time.Now()
	if err != nil && now.Sub(c.last) < complainEvery {
		return
	}
	lines, c.lost, c.last = c.lost, 0, now
	if err != nil {
		c.say("not written", lines, err)
		return
	}
	c.say("lines dropped: the output is too slow (log.buffer)", lines, nil)
}

// complainOfMain tells about the log of messages: in itself if it was too slow, and elsewhere if it fails.
func (l *logs) complainOfMain(text string, lines int, err error) {
	if err == nil {
		l.log.Warn("log: "+text, "lines", lines)
		return
	}
	if l.stderr != nil {
		fmt.Fprintf(l.stderr, "penknife: log %s: %d lines: %v\n", text, lines, err)
	}
}

// start begins to write.
func (l *logs) start() {
	l.main.Start()
	if l.access != nil {
		l.access.Start()
	}
}

// stop writes what is left, as long as ctx lasts.
func (l *logs) stop(ctx context.Context) error {
	var err error
	if l.access != nil {
		err = l.access.Shutdown(ctx)
	}
	l.reopening.Wait()
	return errors.Join(err, l.main.Shutdown(ctx))
}

// reopen lets both logs begin anew, after a rotation, and waits until they have.
func (l *logs) reopen(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, reopenTime)
	defer cancel()
	err := l.main.Reopen(ctx)
	if err != nil {
		err = fmt.Errorf("log: %w", err)
	}
	if l.access != nil {
		if failure := l.access.Reopen(ctx); failure != nil {
			err = errors.Join(err, fmt.Errorf("access log: %w", failure))
		}
	}
	if err != nil {
		l.log.Error("logs not reopened; they go on in their old files", "error", err)
		return err
	}
	l.log.Info("logs reopened")
	return nil
}

// reopenSoon is reopen for who cannot wait.
func (l *logs) reopenSoon() {
	// Ends after reopenTime; stop waits for it.
	l.reopening.Go(func() { _ = l.reopen(context.Background()) }) // it has logged its error
}

// openLogs makes the logs and the logger.
func (s *Server) openLogs(options Options) (err error) {
	s.logs, err = newLogs(options.Loaded, logDeps{
		stdout: options.Stdout, stderr: options.Stderr, counter: s.metrics.Logs, errors: s.incidents,
		environ: s.environ,
	})
	if err == nil {
		s.log = s.logs.log
	}
	return err
}

// lastLines is how long the last lines of the logs may take.
const lastLines = 2 * time.Second

// closeLogs is the very end: nothing is logged any more.
func (s *Server) closeLogs() {
	ctx, cancel := context.WithTimeout(context.Background(), lastLines)
	defer cancel()
	_ = s.logs.stop(ctx) // there is nowhere left to say so
}

// Check finds what only the packages that use a value can judge, and opens nothing. The error is *configs.Problems.
func Check(loaded *configs.Loaded) error {
	if _, err := accessFormat(loaded); err != nil {
		return err
	}
	return checkTLS(loaded)
}
