package server

import (
	"context"
	"time"

	"penknife/sockets"
	"penknife/uwsgistats"
)

// newStats makes the stats listener, and the counters behind it, if the configuration wants it.
func (s *Server) newStats() {
	if s.loaded.Config.Stats == "" {
		return
	}
	s.observer.tally = uwsgistats.NewTally()
	s.stats = uwsgistats.New(uwsgistats.Deps{Report: s.report, Backlogs: s.backlogs, Tally: s.observer.tally, Log: s.log})
}

func (s *Server) statsStage() stage {
	return stage{
		name:  "stats",
		least: 100 * time.Millisecond,
		start: func(context.Context) error {
			s.stats.Start(s.open.stats)
			return nil
		},
		stop: s.stats.Shutdown,
	}
}

// backlogs asks the kernel how many connections wait on each listener.
func (s *Server) backlogs() []uwsgistats.Backlog {
	var all []uwsgistats.Backlog
	add := func(protocol string, list []*sockets.Listener) {
		for _, l := range list {
			if waiting, limit, ok := l.Backlog(); ok {
				all = append(all, uwsgistats.Backlog{Protocol: protocol, Address: l.Address().String(), Waiting: waiting, Max: limit})
			}
		}
	}
	add("http", s.open.http)
	add("uwsgi", s.open.uwsgi)
	return all
}
