package configs

import "time"

// Scaling says how the number of workers follows the load, when workers.processes is a range.
type Scaling struct {
	Algorithm   string        `yaml:"algorithm"`    // busyness, queue or manual
	BusyLow     Percent       `yaml:"busy_low"`     // of busyness: below this, a worker is let go
	BusyHigh    Percent       `yaml:"busy_high"`    // of busyness: above this, workers are added
	QueueTarget time.Duration `yaml:"queue_target"` // of queue: requests shall not wait longer
	DownAfter   time.Duration `yaml:"down_after"`   // of calm, before one worker is let go
}

// The algorithms.
const (
	ScalingBusyness = "busyness"
	ScalingQueue    = "queue"
	ScalingManual   = "manual"
)

func (c *checker) scaling() {
	s := c.loaded.Config.Workers.Scaling
	if s.BusyLow >= s.BusyHigh {
		c.complain("workers.scaling.busy_low", "%s must be below workers.scaling.busy_high (%s), or workers would come and go "+
			"all the time", s.BusyLow, s.BusyHigh)
	}
}

// scalingDocs says what reflection cannot know about the keys of this file.
var scalingDocs = map[string]keyDoc{
	"workers.scaling.algorithm": {flag: "scaling", choices: []string{ScalingBusyness, ScalingQueue, ScalingManual},
		doc: "What decides how many workers there are when `workers.processes` is a range: `busyness` is the part of their " +
			"threads that is busy, `queue` the time that requests wait for one. With `manual` only `penknife scale`, " +
			"SIGTTIN and SIGTTOU change the number, which is `min` at the start."},
	"workers.scaling.busy_low": {min: 1, max: 99,
		doc: "With `busyness`: a worker is let go when in `down_after` never more than this part of the threads was busy."},
	"workers.scaling.busy_high": {min: 2, max: 100,
		doc: "With `busyness`: workers are added when more than this part of the threads is busy."},
	"workers.scaling.queue_target": {min: int64(10 * time.Millisecond), max: int64(time.Hour),
		doc: "With `queue`: workers are added when requests wait longer than this, long before " +
			"`workers.queue_timeout`."},
	"workers.scaling.down_after": {min: int64(100 * time.Millisecond), max: day,
		doc: "How long one worker fewer must have been enough before one is let go."},
}
