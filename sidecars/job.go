package sidecars

import (
	"context"
	"log/slog"
	"sync"
	"syscall"
	"time"

	"github.com/robfig/cron/v3"

	"penknife/configs"
)

// job is a command on a schedule. The goroutine of the schedule owns next.
type job struct {
	config   configs.CronJob
	schedule cron.Schedule
	next     time.Time // zero: never
	before   *job      // of the same name, replaced by a reload; its last run may not be over
	starter  *starter
	counter  Counter
	log      *slog.Logger

	mu     sync.Mutex // guards what follows
	place  Place
	status JobStatus
}

func (m *Manager) newJob(cfg configs.CronJob, place Place) (*job, error) {
	schedule, err := configs.ParseSchedule(cfg.Schedule)
	if err != nil {
		return nil, err
	}
	return &job{
		config: cfg, schedule: schedule, place: place, starter: m.starter, counter: m.deps.Counter,
		log: m.deps.Log.With("job", cfg.Name), status: JobStatus{Name: cfg.Name, Schedule: cfg.Schedule},
	}, nil
}

// plan sets the next time after now.
func (j *job) plan(now time.Time) {
	j.next = j.schedule.Next(now)
	j.mu.Lock()
	j.status.Next = j.next
	j.mu.Unlock()
}

// heeds tells whether the clock was set back by so much that the job would wait for about twice as long as it should, or for three
// hours more. Below that it waits: a clock that is set right by a second must not make a job run twice.
func (j *job) heeds(back time.Duration) bool {
	return !j.next.IsZero() && back >= min(j.schedule.Next(j.next).Sub(j.next), longestRepeat)
}

// begin notes a run, unless one is under way and the job does not want two.
func (j *job) begin(now time.Time) bool {
	busy := j.before != nil && j.before.snapshot().Running > 0
	j.mu.Lock()
	defer j.mu.Unlock()
	if (busy || j.status.Running > 0) && !j.config.Overlap {
		j.status.Skipped++
		return false
	}
	j.status.Running++
	j.status.LastBegin = now
	return true
}

// move makes later runs use another place.
func (j *job) move(place Place) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.place = place
}

// run runs the command once, until it ends, its time is over, or quit is closed. begin has permitted it.
func (j *job) run(quit, hurry <-chan struct{}) {
	began := time.Now()
	result, outcome := j.execute(quit, hurry)
	took := time.Since(began)
	j.mu.Lock()
	j.status.Running--
	j.status.Runs++
	if result != ResultSucceeded {
		j.status.Failures++
	}
	j.status.LastTook, j.status.LastOutcome = took, outcome
	j.mu.Unlock()
	j.counter.JobDone(j.config.Name, result, took)
	level := slog.LevelInfo
	if result != ResultSucceeded {
		level = slog.LevelError
	}
	j.log.Log(context.Background(), level, "job done", "result", result, "outcome", outcome, "took", took.Round(time.Millisecond))
}

func (j *job) execute(quit, hurry <-chan struct{}) (result, outcome string) {
	j.mu.Lock()
	place := j.place
	j.mu.Unlock()
	arguments := shell(j.config.Command)
	if j.config.Call != "" {
		arguments = pythonCall(place.Python, j.config.Call)
	}
	p, err := j.starter.launch(arguments, place, j.log)
	if err != nil {
		return ResultFailed, err.Error()
	}
	j.log.Info("job begins", "pid", p.command.Process.Pid)
	var late <-chan time.Time
	if j.config.Timeout > 0 {
		timer := time.NewTimer(j.config.Timeout)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-p.exited:
		p.signal(syscall.SIGKILL) // what it has left behind in its group
	case <-late:
		p.stop(syscall.SIGTERM, stopPatience, hurry)
		return ResultTimeout, "longer than " + j.config.Timeout.String() + " (cron.timeout)"
	case <-quit:
		p.stop(syscall.SIGTERM, stopPatience, hurry)
		return ResultFailed, "penknife stops; " + p.outcome()
	}
	if p.err != nil {
		return ResultFailed, p.outcome()
	}
	return ResultSucceeded, p.outcome()
}

func (j *job) snapshot() JobStatus {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.status
}
