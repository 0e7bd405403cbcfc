package configs

import (
	"reflect"
	"time"
)

// DefaultListen is where HTTP is served when the configuration names no listener of any kind.
const DefaultListen = "127.0.0.1:8000"

// Default gives the configuration before anything was set. It has no listener: Load adds DefaultListen (or $PORT)
// only if neither http nor uwsgi is set anywhere. Each call gives a fresh value that shares nothing.
func Default() Config {
	return Config{
		App: App{Preload: true},
		Limits: Limits{
			RequestLine:     16 << 10,
			HeaderBlock:     64 << 10,
			HeaderCount:     200,
			Body:            1 << 30,
			BodyMemory:      1 << 20,
			BodyMemoryTotal: 64 << 20,
			Connections:     10000,
			HeaderTime:      10 * time.Second,
			BodyTime:        30 * time.Second,
			BodyMinRate:     256,
			IdleTime:        75 * time.Second,
			WriteTime:       60 * time.Second,
		},
		Workers: Workers{
			Threads:        1,
			Queue:          1024,
			QueueTimeout:   30 * time.Second,
			RequestTimeout: 60 * time.Second,
			StartTimeout:   60 * time.Second,
			GracePeriod:    30 * time.Second,
			CPUScheduling:  "batch",
			ResponseBuffer: 256 << 10,

			MaxRequestsJitter: 10,
		},
		Log: Log{Level: "info", Format: "text", Access: "off"},
	}
}

// The two words that static.immutable knows besides patterns.
const (
	ImmutableAuto = "auto" // names with a content hash
	ImmutableOff  = "off"
)

// DefaultStatic gives an entry of static before anything was set.
func DefaultStatic() Static {
	return Static{Index: []string{"index.html"}, Precompressed: true, Compress: true, Immutable: ImmutableAuto, Memory: 32 << 20}
}

// newEntry gives an entry of a list of mappings, with its defaults.
func newEntry(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	if t == reflect.TypeFor[Static]() {
		v.Set(reflect.ValueOf(DefaultStatic()))
	}
	return v
}

// WithHeadDefaults gives the limits with the defaults in place of the sizes of a request's head that are not set: a
// head of any size is never meant.
func (l Limits) WithHeadDefaults() Limits {
	defaults := Default().Limits
	if l.RequestLine <= 0 {
		l.RequestLine = defaults.RequestLine
	}
	if l.HeaderBlock <= 0 {
		l.HeaderBlock = defaults.HeaderBlock
	}
	if l.HeaderCount <= 0 {
		l.HeaderCount = defaults.HeaderCount
	}
	return l
}
