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
			RequestLine:      16 << 10,
			HeaderBlock:      64 << 10,
			HeaderCount:      200,
			Body:             1 << 30,
			BodyMemory:       1 << 20,
			BodyMemoryTotal:  64 << 20,
			Connections:      10000,
			ClientBurst:      50,
			ClientAddresses:  100_000,
			ProxyHeader:      4 << 10,
			TLSHandshakeTime: 10 * time.Second,
			HeaderTime:       10 * time.Second,
			BodyTime:         30 * time.Second,
			BodyMinRate:      256,
			IdleTime:         75 * time.Second,
			WriteTime:        60 * time.Second,
			WriteMinRate:     256,
		},
		Workers: Workers{
			Scaling: Scaling{
				Algorithm: ScalingBusyness, BusyLow: 25, BusyHigh: 50, QueueTarget: 100 * time.Millisecond,
				DownAfter: 30 * time.Second,
			},
			Reload:         ReloadGeneration,
			Threads:        1,
			Queue:          4096,
			QueueTimeout:   30 * time.Second,
			RequestTimeout: 60 * time.Second,
			Interrupt:      true,
			InterruptGrace: 5 * time.Second,
			StartTimeout:   60 * time.Second,
			GracePeriod:    30 * time.Second,
			CPUScheduling:  "auto",
			OOMScoreAdj:    100,
			ResponseBuffer: 256 << 10,

			MaxRequestsJitter: 10,
			MaxUnavailable:    1,
		},
		ACME:       defaultACME(),
		Admin:      Admin{Status: "local"},
		AppCache:   AppCache{Size: 64 << 20, MaxValue: 8 << 20, Copies: 16 << 20, Channels: 256},
		AppMetrics: AppMetrics{Metrics: 1000, Series: 10000},
		Tracing:    Tracing{Sample: 1, ServiceName: "penknife", Timeout: 10 * time.Second, Queue: 4096},
		Cache:      defaultCache(),
		Log: Log{
			Level: "info", Format: "text", Output: "stderr", FileMode: 0o640, Buffer: 4 << 20,
			Access: "off", AccessOutput: "stdout", AccessValue: 4 << 10, AccessDelay: time.Second,
			Slow:            5 * time.Second,
			RequestIDHeader: "X-Request-ID",
			SyslogAddress:   "unix:/dev/log", SyslogFacility: "daemon", SyslogFormat: "auto", SyslogTag: "penknife",
			JournalSocket: "/run/systemd/journal/socket",
			AppRate:       2000, AppBurst: 10000, AppLine: 8 << 10, AppFormat: "wrap",
		},
	}
}

// newEntry gives an entry of a list of mappings, with its defaults.
func newEntry(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	if t == reflect.TypeFor[HTTP]() {
		v.Set(reflect.ValueOf(DefaultHTTP()))
	}
	if t == reflect.TypeFor[Static]() {
		v.Set(reflect.ValueOf(DefaultStatic()))
	}
	if t == reflect.TypeFor[CacheRule]() {
		v.Set(reflect.ValueOf(DefaultCacheRule()))
	}
	if t == reflect.TypeFor[Daemon]() {
		v.Set(reflect.ValueOf(DefaultDaemon()))
	}
	return v
}
