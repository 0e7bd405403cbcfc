package server

import (
	"context"
	"slices"
	"time"

	"penknife/control"
	"penknife/metrics"
)

// certificatesStage comes when this process is the user that it will be.
func (s *Server) certificatesStage() stage {
	return stage{
		name: "certificates", quiet: true, stop: nothing,
		start: func(context.Context) error { return s.encryption.Load() },
	}
}

// certificateStatus gives each certificate once, as listeners name them.
func certificateStatus(shown metrics.Certificates) (list []control.Certificate, unusable bool) {
	for _, one := range shown.List {
		known := func(c control.Certificate) bool { return c.Name == one.Name }
		if !slices.ContainsFunc(list, known) {
			list = append(list, control.Certificate{Name: one.Name, Expires: one.End})
		}
	}
	return list, shown.Stale
}

// ordersStage orders certificates while listeners answer the authority.
func (s *Server) ordersStage() stage {
	return stage{
		name: "orders", quiet: true, least: time.Second, stop: s.encryption.Shutdown,
		start: func(context.Context) error {
			s.encryption.Start()
			return nil
		},
	}
}
