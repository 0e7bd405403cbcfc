package appcalls

import (
	"errors"
	"math"

	"penknife/appcalls/series"
)

var metricCalls = map[operation]func(*channel, cursor) status{
	opMetric: (*channel).metric, opSeries: (*channel).series, opCells: (*channel).cells,
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
	c.answer = appendI64(c.answer, int64(number))
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
