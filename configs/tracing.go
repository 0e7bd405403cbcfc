package configs

import (
	"math"
	"net/url"
	"strings"
	"time"
)

// Tracing says where spans of requests go. Without OTLP there are none.
type Tracing struct {
	OTLP        string            `yaml:"otlp"` // URL of a collector's OTLP/HTTP receiver
	Sample      Ratio             `yaml:"sample"`
	ServiceName string            `yaml:"service_name"`
	Headers     map[string]string `yaml:"headers"` // for the collector
	Timeout     time.Duration     `yaml:"timeout"` // of one export
	Queue       int               `yaml:"queue"`   // spans that wait for the collector
}

// tracingDocs says what reflection cannot know about the keys of this file.
var tracingDocs = map[string]keyDoc{
	"tracing.otlp": {doc: "The collector, as the URL of its OTLP/HTTP receiver: `http://127.0.0.1:4318`. Without a path, `/v1/traces` is " +
		"added. Empty: no spans, and `traceparent` reaches the application as it came. See [tracing.md](tracing.md)."},
	"tracing.sample":       {doc: "Which part of the requests without a trusted parent is recorded, from 0 to 1. A trusted parent decides by itself."},
	"tracing.service_name": {doc: "What the service is called in traces."},
	"tracing.headers":      {doc: "Headers for the collector, such as an API key."},
	"tracing.timeout": {min: int64(100 * time.Millisecond), max: int64(time.Minute),
		doc: "How long the collector may take for one export."},
	"tracing.queue": {min: 16, max: 1 << 20,
		doc: "Spans that wait for the collector. What comes then is dropped and counted (`penknife_tracing_spans_total`)."},
}

// Endpoint gives the URL that spans are sent to.
func (t Tracing) Endpoint() string {
	u, err := url.Parse(t.OTLP)
	if err == nil && strings.Trim(u.Path, "/") == "" {
		u.Path = "/v1/traces"
		return u.String()
	}
	return t.OTLP
}

func (c *checker) tracingURL() {
	text := c.loaded.Config.Tracing.OTLP
	if text == "" {
		return
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" {
		c.complain("tracing.otlp", "%q is no URL of a collector: write http://HOST:4318, and put credentials into tracing.headers", text)
	}
}

func (c *checker) tracingSample() {
	if r := c.loaded.Config.Tracing.Sample; math.IsNaN(float64(r)) || r < 0 || r > 1 {
		c.complain("tracing.sample", "%s is out of range: 0 to 1", r)
	}
}
