package tuning

import (
	"log/slog"

	"penknife/osproc"
)

// warm is the number of requests after which what the first ones needed once has been used: 3 MiB of tables and of code that
// sets things up. Decision 0033.
const warm = 1000

// Pages lets go of the pages of penknife's own file that only its start and its first requests need.
//
// One goroutine at a time may use it.
type Pages struct {
	log     *slog.Logger
	drop    func() error // osproc.DropStartPages, but for tests
	settled bool
}

// NewPages makes one. It does nothing until it is called.
func NewPages(log *slog.Logger) *Pages {
	return &Pages{log: log, drop: osproc.DropStartPages}
}

// Started is to be called when everything has been started. It takes a millisecond.
func (p *Pages) Started() {
	if err := p.drop(); err != nil {
		p.log.Debug("the pages of the start stay in memory", "error", err)
		p.settled = true // nor will it work later
	}
}

// Served is to be called now and then with the number of requests since the start. Once, after the first thousand, it takes a
// millisecond.
func (p *Pages) Served(requests uint64) {
	if p.settled || requests < warm {
		return
	}
	p.settled = true
	if err := p.drop(); err != nil {
		p.log.Debug("the pages of the first requests stay in memory", "error", err)
	}
}
