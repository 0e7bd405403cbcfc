package appcalls

import (
	"errors"
	"math"

	"penknife/appcalls/series"
)

var metricCalls = map[operation]func(*channel, cursor) status{
	opMetric: (*channel).metric, opSeries: (*channel).series, opCells: (*channel).cells,
	opCount: (*channel).count,
}

const noMetricsText = "the application's metrics are switched off: app_metrics.series is 0"

// refused translates what a Board says.
func (c *channel) refused(err error) status {
	switch {
	case errors.Is(err, series.ErrInvalid):
		return c.fail(statusInvalid, err.Error())
	case errors.Is(err, series.ErrFull):
		return c.fail(statusFull, err.Error())
	case errors.Is(err, series.ErrUnknown):
		return c.nonsense()
	}
	return c.fail(statusFailed, err.Error())
}

func (c *channel) metric(in cursor) status {
	d := series.Definition{Kind: series.Kind(in.u8()), Name: in.text(), Help: in.text(), Labels: in.texts()}
	for range in.count(8) {
		d.Buckets = append(d.Buckets, math.Float64frombits(uint64(in.i64())))
	}
	if !in.end() {
		return c.nonsense()
	}
	if c.service.deps.Metrics == nil {
		return c.fail(statusOff, noMetricsText)
	}
	number, err := c.service.deps.Metrics.Define(d)
	if err != nil {
		return c.refused(err)
	}
	c.answer = appendI64(c.answer, c.caller.ticket(number))
	return statusOK
}

// ticket is what a process gets for the number of a metric. One outside may outlive us, and its next channel lead to
// another penknife with other numbers: its tickets tell whose they are.
func (c *Caller) ticket(number int) int64 {
	if !c.outside {
		return int64(number)
	}
	return int64(c.service.instance)<<32 | int64(number)
}

// count does what a worker does in the cells by itself.
func (c *channel) count(in cursor) status {
	ticket, values, pid := in.i64(), in.texts(), in.i64()
	changes := make([]series.Change, 0, in.count(17))
	for range cap(changes) {
		changes = append(changes, series.Change{
			How: series.How(in.u8()), Offset: in.i64(), Amount: math.Float64frombits(uint64(in.i64())),
		})
	}
	if !in.end() || pid <= 0 || pid > math.MaxInt32 {
		return c.nonsense()
	}
	if c.service.deps.Metrics == nil {
		return c.fail(statusOff, noMetricsText)
	}
	number := int(ticket & math.MaxInt32)
	if ticket != c.caller.ticket(number) {
		return c.fail(statusStale, "the metric was not defined here")
	}
	value, err := c.service.deps.Metrics.Count(number, values, series.Owner{Caller: c.caller, PID: int(pid)}, changes)
	if err != nil {
		return c.refused(err)
	}
	c.answer = appendI64(c.answer, int64(math.Float64bits(value)))
	return statusOK
}

func (c *channel) series(in cursor) status {
	number, values, pid := in.i64(), in.texts(), in.i64()
	if !in.end() || number < 0 || number > math.MaxInt32 || pid <= 0 || pid > math.MaxInt32 {
		return c.nonsense()
	}
	if c.service.deps.Metrics == nil {
		return c.fail(statusOff, noMetricsText)
	}
	cell, err := c.service.deps.Metrics.Place(int(number), values, series.Owner{Caller: c.caller, PID: int(pid)})
	if err != nil {
		return c.refused(err)
	}
	c.answer = appendI64(c.answer, int64(cell))
	return statusOK
}

func (c *channel) cells(in cursor) status {
	if !in.end() {
		return c.nonsense()
	}
	if c.service.deps.Metrics == nil {
		return c.fail(statusOff, noMetricsText)
	}
	file, n, err := c.service.deps.Metrics.Memory()
	if err != nil {
		return c.refused(err)
	}
	c.file = file
	c.answer = appendI64(c.answer, int64(n))
	return statusOK
}
