package admin

import (
	"math"
	"strconv"
	"strings"
	"time"

	"penknife/control"
)

// The coordinates of a plot, the present at the right.
const (
	plotWidth  = 300
	plotHeight = 80
	plotMargin = 2 // above and below, so that lines are not cut
)

// gap is how far two samples may be apart to be one line.
const gap = 2500 * time.Millisecond

// chart is one small plot with its number.
type chart struct {
	Name, Note  string
	Value, Unit string
	Label       string // for those who do not see it
	Top, Bottom string // what the edges stand for; no bottom: zero
	Series      []series
}

// series is one line of a chart.
type series struct {
	Name, Class, Now string
	Line, Area       string // paths; no area when empty
}

// plot turns samples into paths.
type plot struct {
	samples []control.Sample
	now     time.Time
	window  time.Duration // that is shown
	top     float64       // value at the upper edge
	bottom  float64       // at the lower one when the scale is logarithmic; 0: it is linear
}

// windows are the lengths of time that a plot can show.
var windows = [...]time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute}

// windowOf gives the shortest window that has every sample.
func windowOf(r *control.Report) time.Duration {
	for _, window := range windows {
		if len(r.History) == 0 || r.At.Sub(r.History[0].At) <= window {
			return window
		}
	}
	return windows[len(windows)-1]
}

// newPlot scales for the largest of the values; least is what the upper edge stands for at least.
func newPlot(r *control.Report, least float64, values ...func(*control.Sample) float64) *plot {
	p := &plot{now: r.At, top: least, window: windowOf(r)}
	for i := range r.History {
		s := &r.History[i]
		if r.At.Sub(s.At) > p.window {
			continue
		}
		p.samples = append(p.samples, *s)
		for _, value := range values {
			p.top = max(p.top, value(s))
		}
	}
	p.top = niceAbove(p.top)
	return p
}

// niceAbove gives the next number that reads well.
func niceAbove(value float64) float64 {
	if value <= 0 {
		return 1
	}
	scale := math.Pow(10, math.Floor(math.Log10(value)))
	for _, step := range []float64{1, 1.5, 2, 3, 4, 5, 6, 8} {
		if value <= step*scale*(1+1e-9) {
			return step * scale
		}
	}
	return 10 * scale
}

// logarithmic makes the scale so that the least of the values that are not 0 is at the lower edge or above it.
func (p *plot) logarithmic(value func(*control.Sample) float64) {
	least := p.top / 10
	for i := range p.samples {
		if v := value(&p.samples[i]); v > 0 {
			least = min(least, v)
		}
	}
	p.bottom = math.Pow(10, math.Floor(math.Log10(least)))
	p.top = math.Pow(10, math.Ceil(math.Log10(p.top)-1e-9))
}

// line draws a value that is only known in samples: it stops where there are none.
func (p *plot) line(value func(*control.Sample) float64) string {
	line, _ := p.draw(value, false)
	return line
}

// filled draws a value that is zero where there are no samples, with the area below.
func (p *plot) filled(value func(*control.Sample) float64) (line, area string) {
	return p.draw(value, true)
}

func (p *plot) draw(value func(*control.Sample) float64, zero bool) (line, area string) {
	var path strings.Builder
	pen := false // the path goes on
	last := time.Time{}
	var lastX, firstX float64
	for i := range p.samples {
		s := &p.samples[i]
		x, y := p.x(s.At), p.y(value(s))
		if pen && s.At.Sub(last) > gap {
			if pen = zero; zero {
				path.WriteString(point('L', lastX, p.y(0)) + point('L', max(x-p.unit(), 0), p.y(0)))
			}
		}
		switch {
		case pen:
			path.WriteString(point('L', x, y))
		case zero && x > p.unit(): // nothing before the first sample
			firstX = 0
			path.WriteString(point('M', 0, p.y(0)) + point('L', x-p.unit(), p.y(0)) + point('L', x, y))
		default:
			firstX = x
			path.WriteString(point('M', x, y))
		}
		pen, last, lastX = true, s.At, x
	}
	if path.Len() == 0 && zero {
		path.WriteString(point('M', 0, p.y(0)) + point('L', plotWidth, p.y(0)))
		return path.String(), ""
	}
	if zero && p.now.Sub(last) > gap {
		path.WriteString(point('L', min(lastX+p.unit(), plotWidth), p.y(0)) + point('L', plotWidth, p.y(0)))
		lastX = plotWidth
	}
	line = path.String()
	if !zero {
		return line, ""
	}
	return line, line + point('L', lastX, plotHeight) + point('L', firstX, plotHeight) + "Z"
}

// unit is a second across.
func (p *plot) unit() float64 { return plotWidth / p.window.Seconds() }

func (p *plot) x(at time.Time) float64 {
	return max(plotWidth*(1-p.now.Sub(at).Seconds()/p.window.Seconds()), 0)
}

func (p *plot) y(value float64) float64 {
	part := value / p.top
	if p.bottom > 0 {
		part = math.Log(max(value, p.bottom)/p.bottom) / math.Log(p.top/p.bottom)
	}
	part = min(max(part, 0), 1)
	return plotHeight - plotMargin - part*(plotHeight-2*plotMargin)
}

func point(command byte, x, y float64) string {
	return string(command) + coordinate(x) + " " + coordinate(y)
}

func coordinate(v float64) string { return trimZeros(strconv.FormatFloat(v, 'f', 1, 64)) }
