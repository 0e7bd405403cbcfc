package server

import (
	"context"
	"encoding/json"
	"errors"
	"os"

	"penknife/control"
	"penknife/handover"
	"penknife/workers"
)

// scale changes the number of workers for the control socket, and blocks until as many are ready or ctx ends.
func (s *Server) scale(ctx context.Context, asked control.ScaleOrder) control.Scaled {
	scaling, err := s.order(ctx, workers.ScaleOrder{To: asked.To, By: asked.By, Auto: asked.Auto})
	if err == nil {
		err = s.engine.AwaitScaled(ctx)
	}
	result := control.Scaled{Scaling: scalingStatus(scaling), Ready: s.engine.Ready()}
	if err != nil {
		fault := control.FaultOther
		if errors.Is(err, workers.ErrScale) {
			fault = control.FaultConfig
		}
		result.Failure = failureOf(err)
		if result.Failure.Fault == control.FaultOther {
			result.Failure.Fault = fault
		}
	}
	return result
}

// order gives an order to the workers when it can hold: after an upgrade that runs, and after a reload that moves workers
// from one generation to the other.
func (s *Server) order(ctx context.Context, order workers.ScaleOrder) (workers.Scaling, error) {
	var scaling workers.Scaling
	err := workers.ErrNotNow
	if !s.upgrades.busy() {
		scaling, err = s.engine.Scale(ctx, order)
	}
	if !errors.Is(err, workers.ErrNotNow) {
		return scaling, err
	}
	if err = s.beginChange(ctx); err != nil {
		return s.engine.Scaling(), err
	}
	defer s.endChange()
	return s.engine.Scale(ctx, order)
}

// scaleBySignal is one worker more or less. It does not wait for them, nor for a time at which that is possible.
func (s *Server) scaleBySignal(by int) {
	if s.upgrades.busy() {
		s.log.Warn("the number of workers stays as it is", "error", errUpgrading)
		return
	}
	scaling, err := s.engine.Scale(context.Background(), workers.ScaleOrder{By: by})
	if err != nil {
		s.log.Warn("the number of workers stays as it is", "error", err)
		return
	}
	s.log.Info("scaled by signal", "workers", scaling.Wanted, "min", scaling.Least, "max", scaling.Most)
}

func scalingStatus(s workers.Scaling) control.Scaling {
	return control.Scaling{Wanted: s.Wanted, Min: s.Least, Max: s.Most, Mode: s.Mode.String()}
}

// watchScaling feeds the gauges.
func (s *Server) watchScaling() {
	s.metrics.Workers.WatchScaling(
		func() int { return s.engine.Scaling().Wanted },
		func() int { return s.engine.Scaling().Least },
		func() int { return s.engine.Scaling().Most },
	)
}

// scalingItem tells a successor how many workers there are, so that it does not begin with less than the load needs.
func (s *Server) scalingItem() (handover.Item, error) {
	file, err := os.Open(os.DevNull)
	if err != nil {
		return handover.Item{}, err
	}
	return handover.Item{Kind: itemScaling, Info: s.engine.Carry(), File: file}, nil
}

// resumeScaling takes what a predecessor says of the number of workers. Without it the configuration decides.
func (s *Server) resumeScaling(info json.RawMessage) {
	var carried workers.Carried
	if err := json.Unmarshal(info, &carried); err != nil {
		s.log.Warn("the predecessor's number of workers is not known", "error", err)
		return
	}
	s.engine.Resume(carried)
}
