package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// stage is one step of the start and, in reverse, of the stop.
type stage struct {
	name string
	// start returns when the next stage may start. An error ends the start; stop is then not called for this stage.
	start func(context.Context) error
	// stop returns when nothing of the stage is left; at the end of ctx it cuts what is under way.
	stop func(context.Context) error
	// quiet says that nothing of it can be left, which no log needs to hear.
	quiet bool
	// least is the time that stop gets even if the grace period is over, for what ends by itself in a moment.
	least time.Duration
}

// stages are started in order and stopped in reverse. They belong to one goroutine.
type stages struct {
	list    []stage
	started int
	log     *slog.Logger
}

func (s *stages) start(ctx context.Context) error {
	for _, one := range s.list {
		begin := time.Now()
		if err := one.start(ctx); err != nil {
			return fmt.Errorf("%s: %w", one.name, err)
		}
		s.started++
		s.log.Debug("stage started", "stage", one.name, "took", time.Since(begin))
	}
	return nil
}

// stop stops what was started. Stages have until deadline, and each at least its own least time; the end of hard ends
// all patience.
func (s *stages) stop(hard context.Context, deadline time.Time) {
	for s.started > 0 {
		s.started--
		s.stopOne(hard, s.list[s.started], deadline)
	}
}

// notable is from when on an operator wants to know what a stop is waiting for; a dozen lines of nothing hide the reason of a
// start that has failed.
const notable = 100 * time.Millisecond

func (s *stages) stopOne(hard context.Context, one stage, deadline time.Time) {
	begin := time.Now()
	if least := begin.Add(one.least); least.After(deadline) {
		deadline = least
	}
	ctx, cancel := context.WithDeadline(hard, deadline)
	defer cancel()
	err := one.stop(ctx)
	took := slog.Duration("took", time.Since(begin).Round(time.Microsecond))
	switch {
	case errors.Is(err, context.Canceled) && hard.Err() != nil && time.Since(begin) < notable:
		// It had no time, and was told so: what was cut has lines of its own.
		s.log.Debug("stage stopped", "stage", one.name, took, "error", err)
	case err != nil && !one.quiet:
		s.log.Warn("stage stopped", "stage", one.name, took, "error", err)
	case !one.quiet && time.Since(begin) >= notable:
		s.log.Info("stage stopped", "stage", one.name, took)
	default:
		s.log.Debug("stage stopped", "stage", one.name, took)
	}
}
