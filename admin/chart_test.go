package admin

import (
	"testing"
	"time"

	"penknife/control"
)

func TestPlot_LinesAndGaps(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	r := control.Report{At: now}
	for _, age := range []int{50, 49, 20, 19, 0} {
		r.History = append(r.History, control.Sample{At: now.Add(-time.Duration(age) * time.Second), Waiting: 10})
	}
	waiting := func(s *control.Sample) float64 { return float64(s.Waiting) }
	p := newPlot(&r, 1, waiting)
	if p.window != time.Minute || p.top != 10 {
		t.Errorf("%v, %v", p.window, p.top)
	}
	// 5 units a second; the value is at the upper edge, 2 units below the rim.
	if got, want := p.line(waiting), "M50 2L55 2M200 2L205 2M300 2"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	line, area := p.filled(waiting)
	want := "M0 78L45 78L50 2L55 2L55 78L195 78L200 2L205 2L205 78L295 78L300 2"
	if line != want || area != want+"L300 80L0 80Z" {
		t.Errorf("%s\n%s, want %s", line, area, want)
	}
	r.At = now.Add(10 * time.Minute)
	p = newPlot(&r, 1, waiting)
	if line, area := p.filled(waiting); line != "M0 78L300 78" || area != "" || p.line(waiting) != "" {
		t.Errorf("of samples that are too old: %q, %q", line, area)
	}
}

func TestPlot_Logarithmic(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	r := control.Report{At: now, History: []control.Sample{
		{At: now, Latency: control.Latency{P50: .002, P99: 3}}, {At: now.Add(time.Second)},
	}}
	p99 := func(s *control.Sample) float64 { return s.Latency.P99 }
	p := newPlot(&r, .001, p99)
	p.logarithmic(func(s *control.Sample) float64 { return s.Latency.P50 })
	if p.top != 10 || p.bottom < .00099 || p.bottom > .00101 {
		t.Errorf("from %v to %v", p.bottom, p.top)
	}
	if y := p.y(.1); y != 40 {
		t.Errorf("the middle is at %v", y)
	}
	if p.y(0) != p.y(.001) || p.y(99) != p.y(10) {
		t.Error("values beyond the scale leave the plot")
	}
}

func TestNiceAbove(t *testing.T) {
	for value, want := range map[float64]float64{0: 1, -1: 1, 1: 1, 1.01: 1.5, 6.2: 8, 8.1: 10, 30: 30, 301: 400, .0021: .003} {
		if got := niceAbove(value); got < want*.999999 || got > want*1.000001 {
			t.Errorf("%v: %v, want %v", value, got, want)
		}
	}
}

func TestFormats(t *testing.T) {
	for _, test := range [][2]string{
		{duration(0), "0"}, {duration(12.3e-6), "12.3 µs"}, {duration(.0042), "4.2 ms"}, {duration(1.5), "1.5 s"}, {duration(99.4), "99.4 s"},
		{duration(125), "2 min 5 s"}, {span(59), "59 s"}, {span(3725), "1 h 2 min"}, {span(200000), "2 d 7 h"},
		{size(0), "0 B"}, {size(1536), "1.5 KiB"}, {size(5 << 40), "5 TiB"}, {size(5 << 50), "5\u202f120 TiB"},
		{digits(.034), "0.03"}, {digits(9.999), "10"}, {digits(123456), "123 k"}, {digits(2.5e6), "2.5 M"}, {grouped(1234567), "1\u202f234\u202f567"},
		{percent(.125), "13 %"}, {plural(1, "a", "b"), "1 a"}, {plural(0, "a", "b"), "0 b"},
	} {
		if test[0] != test[1] {
			t.Errorf("%q, want %q", test[0], test[1])
		}
	}
}
