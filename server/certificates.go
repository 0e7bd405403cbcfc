package server

import (
	"context"
	"time"

	"penknife/configs"
	"penknife/server/encryption"
	"penknife/server/logs"
)

// Check finds what only the packages that use a value can judge, and opens no output or listener. The error is
// *configs.Problems.
func Check(loaded *configs.Loaded) error {
	if err := logs.Check(loaded); err != nil {
		return err
	}
	return encryption.Check(loaded)
}

// Warnings tells what is odd about a configuration that can be used: certificates that have expired, or keys that
// everybody can read.
func Warnings(loaded *configs.Loaded) []string { return encryption.Warnings(loaded) }

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
