//go:build interleave

package link

import (
	"slices"
	"time"

	"penknife/gateway"
	"penknife/internal/interleave/native"
)

func two(o *Options) { o.QueueTimeout = time.Second }

// plans are the scenarios. Each is a few requests, workers and events, small enough to be looked at in all orders or in
// very many.
func plans() []plan {
	return slices.Concat(basicPlans(), deathPlans(), endPlans(), bodyPlans(), oddPlans())
}

// basicPlans are requests that meet lanes.
func basicPlans() []plan {
	hello := func(m *model) { m.request(native.AppHello, nil) }
	return []plan{
		{name: "one request", ends: true, slots: 1, workers: 1, threads: 1, start: hello},
		{name: "one request, answered later", slots: 1, workers: 1, threads: 1, start: func(m *model) {
			m.request(native.AppHello, func(c *client) { c.later = true })
		}},
		{name: "one request, looked for", slots: 1, workers: 1, threads: 1, spin: true, start: hello},
		{name: "one request, two workers", slots: 1, workers: 2, threads: 1, start: hello},
		{name: "one request, two threads", slots: 1, workers: 1, threads: 2, features: native.FeatureGIL, start: hello},
		{name: "an exception", slots: 1, workers: 1, threads: 1, start: func(m *model) { m.request(native.AppRaise, nil) }},
		{name: "two requests, one lane", slots: 2, workers: 1, threads: 1, start: twice(native.AppHello)},
		{name: "two requests, one slot", slots: 1, workers: 1, threads: 1, start: twice(native.AppHello)},
		{name: "two requests, two workers", slots: 2, workers: 2, threads: 1, start: twice(native.AppHello)},
		{name: "two requests, looked for", slots: 2, workers: 1, threads: 1, spin: true, start: twice(native.AppHello)},
		{name: "three requests, positions go round", slots: 3, workers: 2, threads: 1, first: 1<<32 - 1, start: func(m *model) {
			for range 3 {
				m.request(native.AppHello, nil)
			}
		}},
	}
}

func twice(app int) func(*model) {
	return func(m *model) {
		m.request(app, nil)
		m.request(app, nil)
	}
}

// kill ends worker 0 at any moment, and with again starts another in its place.
func (m *model) kill(again bool) {
	m.do("killer", func() {
		m.procs[0].Kill()
		m.killed = true
		m.noteComplete()
		m.lost += m.q.WorkerDied(0, "killed")
		if again {
			m.q.WorkerStarting(0)
			m.startWorker(0)
		}
	})
}

// deathPlans kill a worker at any step.
func deathPlans() []plan {
	killed := func(app int, again bool) func(*model) {
		return func(m *model) {
			m.request(app, nil)
			m.kill(again)
		}
	}
	return []plan{
		{name: "death, another takes its place", slots: 1, workers: 1, threads: 1, start: killed(native.AppHello, true)},
		{name: "death, a second worker", slots: 1, workers: 2, threads: 1, start: killed(native.AppHello, false)},
		{name: "death, then another request", slots: 2, workers: 2, threads: 1, start: func(m *model) {
			m.request(native.AppHello, nil)
			m.do("killer", func() {
				m.procs[0].Kill()
				m.killed = true
				m.noteComplete()
				m.q.WorkerDied(0, "killed")
				m.request(native.AppHello, nil)
			})
		}},
		{name: "death, answered later", slots: 1, workers: 1, threads: 1, start: func(m *model) {
			m.request(native.AppHello, func(c *client) { c.later = true })
			m.kill(true)
		}},
		{name: "death, looked for", slots: 1, workers: 1, threads: 1, spin: true, start: killed(native.AppHello, true)},
		{name: "death of two threads", slots: 2, workers: 1, threads: 2, features: native.FeatureGIL, start: killed(native.AppHello, true)},
		{name: "death while it streams", slots: 1, workers: 1, threads: 1, start: killed(native.AppStream, true)},
		{name: "death while it reads", slots: 1, workers: 1, threads: 1, start: func(m *model) {
			m.request(native.AppEcho, func(c *client) { c.body = []byte("a body longer than its window") })
			m.kill(true)
		}},
		{name: "death while it reads, then another", slots: 1, workers: 1, threads: 1, start: func(m *model) {
			m.request(native.AppEcho, func(c *client) { c.body = []byte("a body longer than its window") })
			m.request(native.AppEcho, func(c *client) { c.body = []byte("and another that is") })
			m.kill(true)
		}},
		{name: "death while it reads a body that it maps", slots: 1, workers: 1, threads: 1, start: func(m *model) {
			m.upload("read by two")
			m.upload("and another")
			m.kill(true)
		}},
		{name: "death, two requests, two workers", slots: 2, workers: 2, threads: 1, start: func(m *model) {
			twice(native.AppHello)(m)
			m.kill(false)
		}},
		{name: "death, two requests, one slot", slots: 1, workers: 1, threads: 1, start: func(m *model) {
			twice(native.AppHello)(m)
			m.kill(true)
		}},
	}
}

// endPlans are refusals, time limits, workers that leave, and the end of the queue, while requests come.
func endPlans() []plan {
	refusal := gateway.Errorf(gateway.KindUnavailable, "no worker")
	return []plan{
		{name: "refused", slots: 1, workers: 1, threads: 1, start: func(m *model) {
			m.request(native.AppHello, nil)
			m.do("refuser", func() { m.q.Refuse(refusal) })
		}},
		{name: "refused, nobody to claim", slots: 2, workers: 1, threads: 1, start: func(m *model) {
			twice(native.AppHello)(m)
			m.do("refuser", func() {
				m.procs[0].Kill()
				m.killed = true
				m.q.WorkerDied(0, "killed")
				m.q.Refuse(refusal)
			})
		}},
		{name: "queue timeout", slots: 1, workers: 1, threads: 1, ticks: 2, options: two, start: func(m *model) {
			m.request(native.AppHello, nil)
		}},
		{name: "request timeout", slots: 1, workers: 1, threads: 1, ticks: 2, start: func(m *model) {
			m.request(native.AppHello, nil)
		}, options: func(o *Options) { o.RequestTimeout = time.Second }},
		{name: "cancelled, then another", slots: 1, workers: 1, threads: 1, start: func(m *model) {
			m.request(native.AppHello, nil)
			m.do("refuser", func() {
				m.q.Refuse(refusal)
				m.q.Refuse(nil)
				m.request(native.AppHello, nil)
			})
		}},
		{name: "a worker leaves", slots: 1, workers: 2, threads: 1, start: func(m *model) {
			m.request(native.AppHello, nil)
			m.do("stopper", func() { m.leave(0) })
		}},
		{name: "a worker leaves, its process does not", slots: 1, workers: 2, threads: 1, start: func(m *model) {
			m.request(native.AppHello, nil)
			m.do("stopper", func() { m.q.StopWorker(0) })
		}},
		{name: "two requests, a worker leaves", slots: 2, workers: 2, threads: 1, start: func(m *model) {
			twice(native.AppHello)(m)
			m.do("stopper", func() { m.leave(0) })
		}},
		{name: "nothing but the end", ends: true, slots: 1, workers: 2, threads: 1, start: func(*model) {}},
		{name: "shut down", slots: 1, workers: 1, threads: 1, start: func(m *model) {
			m.request(native.AppHello, nil)
			m.do("end", func() {
				m.q.Close()
				m.finish()
			})
		}},
		{name: "closed and drained", slots: 1, workers: 1, threads: 1, start: func(m *model) {
			m.request(native.AppHello, nil)
			m.do("closer", func() {
				m.q.Close()
				if err := m.q.Drain(background()); err != nil || m.q.InFlight() != 0 {
					m.x.Failf("drained, and %d are in flight: %v", m.q.InFlight(), err)
				}
			})
		}},
	}
}

// leave is a worker that leaves in good order.
func (m *model) leave(worker int) {
	m.q.StopWorker(worker)
	m.procs[worker].AwaitExit()
	if lost := m.q.WorkerDied(worker, "left"); lost != 0 {
		m.x.Failf("a worker left, and %d requests were lost", lost)
	}
}

// bodyPlans are about the windows.
func bodyPlans() []plan {
	return []plan{
		{name: "a response longer than its window", slots: 1, workers: 1, threads: 1, start: func(m *model) {
			m.request(native.AppStream, nil)
		}},
		{name: "a response that is cut", slots: 1, workers: 1, threads: 1, start: func(m *model) {
			m.request(native.AppCut, nil)
		}},
		{name: "a client that leaves", slots: 1, workers: 1, threads: 1, start: func(m *model) {
			m.request(native.AppStream, func(c *client) { c.leaves = true })
		}},
		{name: "a client that leaves, then another", slots: 1, workers: 1, threads: 1, start: func(m *model) {
			m.request(native.AppStream, func(c *client) { c.leaves = true })
			m.request(native.AppHello, nil)
		}},
		{name: "a request body longer than its window", slots: 1, workers: 1, threads: 1, start: func(m *model) {
			m.request(native.AppEcho, func(c *client) { c.body = []byte("a body longer than its window") })
		}},
		{name: "a request body of many windows", slots: 1, workers: 1, threads: 1, start: func(m *model) {
			m.request(native.AppEcho, func(c *client) { c.body = []byte("a body that fills its window twice and a half more") })
		}},
		{name: "a request body that workers map", slots: 1, workers: 1, threads: 1, start: func(m *model) { m.upload("without a window") }},
		{name: "two request bodies that workers map", slots: 1, workers: 1, threads: 1, start: func(m *model) {
			m.upload("the first of two")
			m.upload("and the second, which is longer")
		}},
		{name: "a mapped body, its client has no time", slots: 1, workers: 1, threads: 1, ticks: 2, start: func(m *model) {
			m.upload("for nobody")
		}, options: func(o *Options) { o.RequestTimeout = time.Second }},
	}
}

// upload is a request whose body workers map.
func (m *model) upload(body string) {
	m.request(native.AppEcho, func(c *client) { c.share(m, body) })
}

// interrupt asks for an exception in the first request, whichever lane has it, as the supervisor does: twice.
func (m *model) interrupt() {
	for range 2 {
		for lane := range m.threads {
			c := Claim{Lane: lane}
			m.claims[c] = true
			if m.q.Interrupt(c) {
				m.procs[0].Signal()
			} else if !m.asked {
				delete(m.claims, c)
			}
			m.asked = m.asked || m.claims[c]
		}
	}
}

// oddPlans are what happens rarely.
func oddPlans() []plan {
	return []plan{
		{name: "an interruption", slots: 1, workers: 1, threads: 1, features: native.FeatureSignals, start: func(m *model) {
			m.request(native.AppLong, nil)
			m.do("supervisor", m.interrupt)
		}},
		{name: "an interruption, then another request", slots: 2, workers: 1, threads: 1, features: native.FeatureSignals, start: func(m *model) {
			twice(native.AppLong)(m)
			m.do("supervisor", m.interrupt)
		}},
		{name: "an interruption, two threads", slots: 2, workers: 1, threads: 2, features: native.FeatureSignals | native.FeatureGIL,
			watch: true, start: func(m *model) {
				twice(native.AppLong)(m)
				m.do("supervisor", m.interrupt)
			}},
		{name: "the eventfd is closed by the application", slots: 1, workers: 1, threads: 1, start: func(m *model) {
			m.procs[0].EventClosed = true
			m.request(native.AppHello, nil)
			m.x.Go("supervisor", func() {
				m.procs[0].AwaitExit()
				m.killed = true
				m.noteComplete()
				m.q.WorkerDied(0, "exited")
				m.procs[0].EventClosed = false
				m.q.WorkerStarting(0)
				m.startWorker(0)
			})
		}},
		{name: "cancelled requests go round the ring", slots: 1, workers: 1, threads: 1, first: 1<<32 - 2, start: func(m *model) {
			refusal := gateway.Errorf(gateway.KindUnavailable, "no worker")
			m.do("supervisor", func() {
				m.procs[0].Kill()
				m.q.WorkerDied(0, "killed")
				for range 3 {
					m.request(native.AppHello, nil)
					m.q.Refuse(refusal)
					m.q.Refuse(nil)
				}
				m.q.WorkerStarting(0)
				m.startWorker(0)
			})
		}},
	}
}
