package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"penknife/accesslog"
	"penknife/configs"
	"penknife/incidents"
	"penknife/logsinks"
	"penknife/metrics"
)

// reopenTime bounds how long a log may take to begin anew.
const reopenTime = 5 * time.Second

// Logs is the two logs of the process: messages, and a line for each request.
type Logs struct {
	level  slog.LevelVar
	main   *logsinks.Writer
	access *logsinks.Writer // nil when there is none
	lines  *accesslog.Log   // nil when there is none
	log    *slog.Logger     // writes to main

	stderr    io.Writer // where failures of main are told; nil when main is there itself
	reopening sync.WaitGroup
}

// Deps is what the logs need from the composition root.
type Deps struct {
	Stdout, Stderr io.Writer
	Counter        *metrics.Logs
	Errors         *incidents.Ring // remembers every error that is logged
	Environ        []string        // as os.Environ gives it: systemd names its stream there
	Starting       error           // why a request fails while the application starts: such lines are written more rarely
}

// New opens both outputs and makes the logger. Nothing is written before Start; Shutdown must follow. The error is a
// *configs.Problems that names the key of the output that cannot be used.
func New(loaded *configs.Loaded, d Deps) (*Logs, error) {
	cfg := loaded.Config.Log
	format, err := accessFormat(loaded)
	if err != nil {
		return nil, err
	}
	outputs, err := newOutputs(loaded, d)
	if err != nil {
		return nil, err
	}
	l := &Logs{}
	l.SetLevel(cfg.Level)
	if err := l.openMain(loaded, outputs, d); err != nil {
		return nil, err
	}
	if format == nil {
		return l, nil
	}
	if err := l.openAccess(loaded, outputs, d, format); err != nil {
		return nil, errors.Join(err, l.Shutdown(context.Background()))
	}
	return l, nil
}

// openMain makes the log of messages.
func (l *Logs) openMain(loaded *configs.Loaded, outputs *outputs, d Deps) error {
	cfg := loaded.Config.Log
	target, err := outputs.open(cfg, cfg.Output, cfg.File)
	if err != nil {
		return loaded.Problem(outputKey("log.output", "log.file", cfg.File), err)
	}
	if cfg.File != "" || cfg.Output != "stderr" {
		l.stderr = d.Stderr
	}
	complain := newComplainer(l.complainOfMain, d.Counter.Main)
	l.main = logsinks.New(logsinks.Options{Target: target, Limit: int(cfg.Buffer), Dropped: complain.dropped, Written: complain.written})
	l.log = newLogger(newHandler(cfg, &l.level, l.main, outputs.readBySystemd(cfg)), d)
	return nil
}

// openAccess makes the access log.
func (l *Logs) openAccess(loaded *configs.Loaded, outputs *outputs, d Deps, format *accesslog.Format) error {
	cfg := loaded.Config.Log
	target, err := outputs.open(cfg, cfg.AccessOutput, cfg.AccessFile)
	if err != nil {
		return loaded.Problem(outputKey("log.access_output", "log.access_file", cfg.AccessFile), err)
	}
	complain := newComplainer(l.complainOfAccess, d.Counter.Access)
	l.access = logsinks.New(logsinks.Options{
		Target: target, Delay: cfg.AccessDelay, Limit: int(cfg.Buffer), Dropped: complain.dropped, Written: complain.written,
	})
	l.lines = accesslog.New(format, l.access, wrapperOf(cfg), accesslog.Filter{Status: cfg.AccessStatus, Slow: cfg.AccessSlow})
	return nil
}

// Logger gives what writes to the log of messages.
func (l *Logs) Logger() *slog.Logger { return l.log }

// Access gives the access log; nil when there is none.
func (l *Logs) Access() *accesslog.Log { return l.lines }

// SetLevel drops messages below a level that log.level can name.
func (l *Logs) SetLevel(name string) { l.level.Set(levels[name]) }

// complainOfAccess tells about the access log in that of messages.
func (l *Logs) complainOfAccess(text string, lines int, err error) {
	l.log.Warn("access log: "+text, "lines", lines, "error", err)
}

// complainOfMain tells about the log of messages: in itself if it was too slow, and elsewhere if it fails.
func (l *Logs) complainOfMain(text string, lines int, err error) {
	if err == nil {
		l.log.Warn("log: "+text, "lines", lines)
		return
	}
	if l.stderr != nil {
		fmt.Fprintf(l.stderr, "penknife: log %s: %d lines: %v\n", text, lines, err)
	}
}

// Start begins to write, each log in a goroutine of its own.
func (l *Logs) Start() {
	l.main.Start()
	if l.access != nil {
		l.access.Start()
	}
}

// Shutdown writes what is left until ctx ends, closes the outputs and waits for the goroutines. Nothing may be logged
// afterwards.
func (l *Logs) Shutdown(ctx context.Context) error {
	var err error
	if l.access != nil {
		err = l.access.Shutdown(ctx)
	}
	l.reopening.Wait()
	return errors.Join(err, l.main.Shutdown(ctx))
}

// Reopen opens both files anew after a rotation. It blocks until that is done, for 5 s at most. The error says which log
// goes on in its old file; it has been logged.
func (l *Logs) Reopen(ctx context.Context) error {
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

// ReopenSoon is Reopen for a caller that must not block.
func (l *Logs) ReopenSoon() {
	// Ends after reopenTime; Shutdown waits for it.
	l.reopening.Go(func() { _ = l.Reopen(context.Background()) }) // it has logged its error
}
