package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/redis/rueidis"
)

// The pauses between attempts to connect, before the jitter of a quarter.
const (
	firstPause = 50 * time.Millisecond
	maxPause   = 2 * time.Second
	// steady is how long it must have been up for the pauses to begin anew.
	steady = 10 * time.Second
)

// maxStrikes is how many operations in a row may take too long before Redis counts as away. What changes something counts
// at once, because the change is owed from then on.
const maxStrikes = 3

// maxRounds bounds how often new debts are paid before an attempt is given up. With freeRounds done, changes that come wait for the
// end of the attempt, at most for holdTime: otherwise Redis would stay away for as long as changes come faster than one can
// be paid.
const (
	maxRounds  = 50
	freeRounds = 5
	holdTime   = 100 * time.Millisecond
)

var errBusy = errors.New("more changes come in than can be made up for")

// watch brings Redis back whenever it is away. It closes tried after the first attempt.
func (r *Remote) watch(ctx context.Context, tried chan struct{}) {
	pause := time.Duration(0)
	for {
		err := r.attempt(ctx)
		if tried != nil {
			close(tried)
			tried = nil
		}
		if err == nil {
			upSince := time.Now()
			select {
			case <-r.wake:
			case <-ctx.Done():
				return
			}
			if time.Since(upSince) > steady {
				pause = 0
			}
		}
		if !r.rest(ctx, pause) {
			return
		}
		pause = min(max(2*pause, firstPause), maxPause)
	}
}

func (r *Remote) rest(ctx context.Context, pause time.Duration) bool {
	if pause > 0 {
		pause += rand.N(pause/2+1) - pause/4
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// attempt connects, makes up for what was asked for meanwhile, and puts Redis into use.
func (r *Remote) attempt(ctx context.Context) error {
	ctx = context.WithValue(ctx, watcherKey{}, true)
	err := r.ready(ctx)
	for _, s := range r.stores {
		s.options.Purged("") // what was announced meanwhile, we have not heard
	}
	for round := range maxRounds {
		if err != nil {
			break
		}
		if round == freeRounds {
			defer r.hold()()
		}
		owed := r.takeDebts()
		if len(owed) == 0 && r.rise() {
			r.dropOld()
			return nil
		}
		for namespace, d := range owed {
			if e := r.pay(ctx, namespace, d); e != nil {
				r.giveBack(namespace, d)
				err = e
			}
		}
	}
	if err == nil {
		err = errBusy
	}
	r.stillAway(ctx, err)
	return err
}

// ready connects and sees to it that this Redis has nothing from before a restart: what it reads from its disk may have been
// purged since it was written.
func (r *Remote) ready(ctx context.Context) error {
	if err := r.ask(ctx, connectTimeout, func(ctx context.Context) error {
		return r.client.Do(ctx, r.client.B().Ping().Build()).Error()
	}); err != nil {
		return err
	}
	run, err := r.runID(ctx)
	if err != nil {
		return err
	}
	marker := r.aside("run")
	known, err := r.text(ctx, r.client.B().Get().Key(marker).Build())
	if err != nil || known == run {
		return err
	}
	for namespace := range r.stores {
		if _, err := r.removeAll(ctx, namespace); err != nil {
			return err
		}
	}
	_, err = r.text(ctx, r.client.B().Set().Key(marker).Value(run).Build())
	return err
}

// ask runs one operation within a time.
func (r *Remote) ask(ctx context.Context, within time.Duration, operation func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return operation(ctx)
}

func (r *Remote) text(ctx context.Context, command rueidis.Completed) (text string, err error) {
	err = r.ask(ctx, connectTimeout, func(ctx context.Context) error {
		var err error
		if text, err = r.client.Do(ctx, command).ToString(); rueidis.IsRedisNil(err) {
			return nil
		}
		return err
	})
	return text, err
}

// rise puts Redis into use, unless something is owed by now.
func (r *Remote) rise() bool {
	r.mu.Lock()
	if len(r.owed) > 0 || r.stopped {
		r.mu.Unlock()
		return r.stopped
	}
	r.floor.Store(r.epoch.Add(1))
	r.strikes.Store(0)
	r.since, r.reason = time.Now(), nil
	r.up.Store(true)
	r.mu.Unlock()
	for _, s := range r.stores {
		s.options.Gone("")
	}
	r.options.Log.Info("redis is in use", "address", r.address)
	return true
}

// dropOld makes room: entries from before are not given out any more.
func (r *Remote) dropOld() {
	floor := r.floor.Load()
	for _, s := range r.stores {
		for _, e := range s.local.cache.All() {
			if e.epoch < floor {
				s.local.removeIf(e)
			}
		}
	}
}

// fall takes Redis out of use. Entries of the present period are still given out until it is back.
func (r *Remote) fall(reason error) {
	r.mu.Lock()
	fell := r.fallLocked(reason)
	r.mu.Unlock()
	r.fallen(fell, reason)
}

func (r *Remote) fallLocked(reason error) bool {
	if !r.up.Load() {
		return false
	}
	r.up.Store(false)
	r.epoch.Add(1)
	r.since, r.reason = time.Now(), reason
	return true
}

// fallen tells of it.
func (r *Remote) fallen(fell bool, reason error) {
	if !fell {
		return
	}
	r.trips.Add(1)
	r.options.Log.Warn("redis is away; the cache works with what is in memory", "address", r.address, "reason", withRemedy(reason))
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// stillAway notes why an attempt failed, and logs it if that is news.
func (r *Remote) stillAway(ctx context.Context, reason error) {
	if ctx.Err() != nil {
		return
	}
	r.failures.Add(1)
	r.mu.Lock()
	first := errors.Is(r.reason, errNotStarted)
	if !r.stopped {
		r.reason = reason
	}
	r.mu.Unlock()
	if first {
		r.options.Log.Warn("redis is away; the cache works with what is in memory", "address", r.address, "reason", withRemedy(reason))
	}
}

// owe notes a change that could not be made because of reason, and takes Redis out of use until it was.
func (r *Remote) owe(namespace string, debt debtKind, text string, reason error) {
	r.mu.Lock()
	fell := r.fallLocked(reason)
	r.oweLocked(namespace, debt, text)
	r.mu.Unlock()
	r.fallen(fell, reason)
}

// hold lets changes wait until the function that it gives is called.
func (r *Remote) hold() (release func()) {
	held := make(chan struct{})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = held
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.held = nil
		close(held)
	}
}

// oweIfAway notes a change if Redis is away, and tells whether it is. It may wait for holdTime, to see whether Redis comes back.
func (r *Remote) oweIfAway(namespace string, debt debtKind, text string) bool {
	away, held := r.oweUnlessHeld(namespace, debt, text, false)
	if held == nil {
		return away
	}
	timer := time.NewTimer(holdTime)
	defer timer.Stop()
	select {
	case <-held:
	case <-timer.C:
	}
	away, _ = r.oweUnlessHeld(namespace, debt, text, true)
	return away
}

// oweUnlessHeld is oweIfAway, but gives what to wait for if changes are held up, unless that is over.
func (r *Remote) oweUnlessHeld(namespace string, debt debtKind, text string, waited bool) (away bool, held chan struct{}) {
	if r.up.Load() {
		return false, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.up.Load():
		return false, nil
	case r.held != nil && !waited && !r.stopped:
		return true, r.held
	}
	r.oweLocked(namespace, debt, text)
	return true, nil
}

func (r *Remote) oweLocked(namespace string, debt debtKind, text string) {
	if r.stopped {
		return
	}
	d := r.owed[namespace]
	if d == nil {
		d = &debts{}
		r.owed[namespace] = d
	}
	d.add(debt, text)
}

func (r *Remote) takeDebts() map[string]*debts {
	r.mu.Lock()
	defer r.mu.Unlock()
	owed := r.owed
	r.owed = map[string]*debts{}
	return owed
}

func (r *Remote) giveBack(namespace string, unpaid *debts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.owed[namespace]
	if d == nil {
		d = &debts{}
		r.owed[namespace] = d
	}
	d.merge(unpaid)
}

// failed judges the end of an operation that changes nothing: nil, or what Redis says about the key, is none.
func (r *Remote) failed(err error) bool {
	if err == nil || rueidis.IsRedisNil(err) {
		if r.strikes.Load() != 0 {
			r.strikes.Store(0)
		}
		return false
	}
	r.failures.Add(1)
	if r.strikes.Add(1) >= maxStrikes {
		r.fall(fmt.Errorf("%d operations in a row failed, the last with: %w", maxStrikes, err))
	}
	return true
}
