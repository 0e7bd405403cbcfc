package server

import (
	"context"
	"errors"
	"strings"
	"time"

	"penknife/configs"
	"penknife/control"
	"penknife/handover"
	"penknife/server/encryption"
)

// reload is one reload from beginning to end. The goroutine of the reloader runs it. What can be reloaded is in
// docs/decisions/0010-what-a-reload-covers.md.
func (s *Server) reload(ctx context.Context, read func() (*configs.Loaded, error)) control.Reloaded {
	begin := time.Now()
	if err := s.beginChange(ctx); err != nil {
		s.log.Warn("no reload", "reason", failureOf(err).Reason)
		return control.Reloaded{At: begin, Failure: failureOf(err)}
	}
	defer s.endChange()
	s.log.Info("reload begins")
	s.notify.reloading("reloading", s.inForce.Load().Config.Workers.StartTimeout)
	defer func() { s.notify.ready(s.statusLine()) }()
	restart, err := s.loadAnew(ctx, read)
	took := time.Since(begin)
	result := control.Reloaded{
		At: time.Now(), Took: took.Seconds(), Generation: s.engine.Snapshot().Generation, NeedsRestart: restart,
		Scaling: scalingStatus(s.engine.Scaling()),
		Failure: failureOf(err),
	}
	s.metrics.Reloads.Done(err == nil)
	if len(restart) > 0 {
		s.log.Warn("some changes of the configuration wait for a restart", "keys", strings.Join(restart, ", "))
	}
	if err != nil && ctx.Err() != nil {
		s.log.Info("reload given up: penknife stops", "took", took.Round(time.Millisecond), "reason", result.Failure.Reason)
		return result
	}
	if err != nil {
		s.log.Error("reload failed; everything stays as it was", "took", took.Round(time.Millisecond),
			"reason", result.Failure.Reason, "traceback", result.Failure.Traceback)
		return result
	}
	s.metrics.Reloads.Loaded(result.At)
	s.log.Info("reloaded", "generation", result.Generation, "workers", result.Scaling.Wanted, "took", took.Round(time.Millisecond))
	return result
}

// loadAnew reads the configuration and starts the application with it. It gives the keys whose new values it left.
func (s *Server) loadAnew(ctx context.Context, read func() (*configs.Loaded, error)) (restart []string, err error) {
	loaded := s.inForce.Load()
	if read != nil {
		if loaded, err = read(); err != nil {
			return nil, err
		}
		if err = Check(loaded); err != nil {
			return nil, err
		}
		loaded, restart = mergeReloaded(s.loaded, loaded)
	}
	encrypt, err := s.encryption.Prepare(loaded)
	if err != nil {
		return restart, err
	}
	if err := s.engine.Reload(ctx, loaded); err != nil {
		return restart, err
	}
	if err := s.admit(loaded.Config); err != nil {
		s.log.Error("the lists of addresses stay as they were", "error", err)
	}
	encrypt()
	s.configureCache(boundedCache(loaded.Config))
	s.logs.SetLevel(loaded.Config.Log.Level)
	s.inForce.Store(loaded)
	s.reloadSidecars(loaded)
	if err := s.watching.follow(); err != nil {
		s.log.Error("files are not watched", "error", err)
	}
	return restart, nil
}

// mergeReloaded takes over what a reload can change and lists what else is different from the start.
func mergeReloaded(start, fresh *configs.Loaded) (merged *configs.Loaded, restart []string) {
	merged = &configs.Loaded{Config: start.Config, Sources: fresh.Sources, File: fresh.File}
	mergeAccess(&merged.Config, fresh.Config)
	merged.Config.App = fresh.Config.App
	merged.Config.Workers = fresh.Config.Workers
	merged.Config.Log.Slow = fresh.Config.Log.Slow
	merged.Config.Daemons, merged.Config.Cron = fresh.Config.Daemons, fresh.Config.Cron
	merged.Config.Workers.CPUScheduling = start.Config.Workers.CPUScheduling // threads that run keep theirs
	merged.Config.Cache = fresh.Config.Cache
	merged.Config.Cache.Enabled, merged.Config.Cache.Size = start.Config.Cache.Enabled, start.Config.Cache.Size
	merged.Config.Cache.Revalidations = start.Config.Cache.Revalidations
	merged.Config.Cache.Redis, merged.Config.Cache.RedisTimeout = start.Config.Cache.Redis, start.Config.Cache.RedisTimeout
	merged.Config.Cache.RedisPrefix, merged.Config.Cache.Snapshot = start.Config.Cache.RedisPrefix, start.Config.Cache.Snapshot
	merged.Config.Process.ShutdownDelay = fresh.Config.Process.ShutdownDelay
	encryption.Merge(&merged.Config, start.Config, fresh.Config)
	log := &merged.Config.Log
	log.Level = fresh.Config.Log.Level
	log.AppRate, log.AppBurst, log.AppLine = fresh.Config.Log.AppRate, fresh.Config.Log.AppBurst, fresh.Config.Log.AppLine
	return merged, configs.Changed(merged.Config, fresh.Config)
}

// failureOf translates an error for the control socket; whose fault it is decides the exit code there.
func failureOf(err error) *control.Failure {
	var problems *configs.Problems
	var app *AppError
	var next *handover.Failure
	switch {
	case err == nil:
		return nil
	case errors.As(err, &problems):
		return &control.Failure{Fault: control.FaultConfig, Reason: problems.Error()}
	case errors.As(err, &app):
		return &control.Failure{Fault: control.FaultApp, Reason: app.Reason, Traceback: app.Traceback}
	case errors.As(err, &next):
		return &control.Failure{Fault: next.Fault, Reason: next.Reason, Traceback: next.Traceback}
	case errors.Is(err, errMoved):
		return &control.Failure{Fault: control.FaultMoved, Reason: err.Error()}
	case errors.Is(err, context.Canceled):
		return &control.Failure{Fault: control.FaultOther, Reason: errStopping.Error()}
	}
	return &control.Failure{Fault: control.FaultOther, Reason: err.Error()}
}
