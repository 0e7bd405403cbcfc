package server

import (
	"sync/atomic"
	"time"

	"penknife/admin"
	"penknife/gateway"
	"penknife/static"
)

// buildHandler lists the chain that every request goes through, outermost first. What only looks at requests when
// they are over is in observe.go. Files are served also while the application starts.
func buildHandler(s *Server) (gateway.Handler, error) {
	handler := s.gate.before(s.engine)
	if cfg := s.loaded.Config.Sendfile; len(cfg.Roots) > 0 {
		sender, err := static.NewSender(cfg, static.Deps{Next: handler, Counter: s.metrics.Static, Log: s.log})
		if err != nil {
			return nil, err
		}
		handler = sender
	}
	if cfg := boundedCache(s.loaded.Config); cfg.Enabled {
		responses, err := s.newResponseCache(cfg, handler)
		if err != nil {
			return nil, err
		}
		s.cache, handler = responses, responses
	}
	if mounts := s.loaded.Config.Static; len(mounts) > 0 {
		files, err := static.New(mounts, static.Deps{Next: handler, Counter: s.metrics.Static, Log: s.log})
		if err != nil {
			return nil, err
		}
		s.metrics.Static.Watch(files.HeldBytes)
		handler = files
	}
	handler, err := s.guard(handler)
	if err != nil {
		return nil, err
	}
	if s.tracer != nil {
		handler = s.tracer.Before(handler)
	}
	if cfg := s.loaded.Config.Admin; cfg.PublicLivez != "" || cfg.PublicReadyz != "" {
		handler = &admin.Health{Livez: cfg.PublicLivez, Readyz: cfg.PublicReadyz, Ready: s.ready, Next: handler}
	}
	return s.encryption.AnswerChallenges(handler), nil
}

// ready gives nil if the server should be sent requests, or why not.
func (s *Server) ready() error { return s.gate.ready(s.engine) }

// gate answers 503 until the engine is ready. The request's path through it is one atomic load.
type gate struct {
	opened   atomic.Bool // the engine has started; it stays open, so that what was accepted is served while stopping
	stopping atomic.Bool // the stop has begun
}

// errTooEarly is the answer to a request that came before the application was there.
var errTooEarly = &gateway.Error{
	Kind: gateway.KindUnavailable, Reason: errStarting.Error(), Public: true, RetryAfter: time.Second,
}

// before passes requests on once the gate was opened.
func (g *gate) before(next gateway.Handler) gateway.Handler {
	return gateway.HandlerFunc(func(r *gateway.Request) (*gateway.Response, error) {
		if !g.opened.Load() {
			return nil, errTooEarly
		}
		return next.Serve(r)
	})
}

// ready gives nil if the server should be sent requests.
func (g *gate) ready(engine Engine) error {
	switch {
	case g.stopping.Load():
		return errStopping
	case !g.opened.Load():
		return errStarting
	case engine.Ready() == 0:
		return errNoWorker
	}
	return nil
}
