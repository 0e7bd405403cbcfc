package server

import (
	"context"
	"time"
)

// certificatesStage comes when this process is the user that it will be.
func (s *Server) certificatesStage() stage {
	return stage{
		name: "certificates", quiet: true, stop: nothing,
		start: func(context.Context) error { return s.encryption.Load() },
	}
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
