package server

import (
	"crypto/tls"
	"log/slog"
	"sync/atomic"

	"penknife/clients"
	"penknife/configs"
	"penknife/gateway"
	"penknife/httpfront"
	"penknife/metrics"
	"penknife/requestids"
	"penknife/uwsgifront"
	"penknife/workers"
)

// parts makes the front ends and the engine; tests make others. What they make does nothing yet.
type parts struct {
	newEngine func(*configs.Loaded, engineDeps) (Engine, error)
	newHTTP   func(frontDeps, configs.HTTP) (front, error)
	newUwsgi  func(frontDeps, configs.Uwsgi) (front, error)
}

// engineDeps is what the engine gets from the composition root.
type engineDeps struct {
	counters *metrics.Workers
	calls    workers.Calls
	log      *slog.Logger
	imported func(paths []string) // told which files the application comes from
}

// frontDeps is what front ends get from the composition root, whatever they speak.
type frontDeps struct {
	limits   configs.Limits
	handler  gateway.Handler
	observer gateway.Observer
	counter  *metrics.Front
	nextID   func() uint64
	open     *atomic.Int64 // connections over all fronts, against limits.connections
	seats    *clients.Connections
	log      *slog.Logger
	ids      *requestids.Source
	tls      func() *tls.Config // of one HTTP listener; nil: plain HTTP
}

// realParts is what serves people, on that many CPUs.
func realParts(cpus int) parts {
	newEngine := func(loaded *configs.Loaded, d engineDeps) (Engine, error) { return newWorkers(cpus, loaded, d) }
	return parts{newEngine: newEngine, newHTTP: newHTTPFront, newUwsgi: newUwsgiFront}
}

func newHTTPFront(d frontDeps, cfg configs.HTTP) (front, error) {
	return httpfront.New(cfg, d.limits, httpfront.Deps{
		Handler: d.handler, Observer: d.observer, Counter: d.counter, NextID: d.nextID, Log: d.log, Open: d.open, IDs: d.ids,
		TLS: d.tls, Seats: d.seats,
	})
}

func newUwsgiFront(d frontDeps, cfg configs.Uwsgi) (front, error) {
	return uwsgifront.New(cfg, d.limits, uwsgifront.Deps{
		Handler: d.handler, Observer: d.observer, Counter: d.counter, NextID: d.nextID, Log: d.log, Open: d.open, IDs: d.ids,
	})
}
