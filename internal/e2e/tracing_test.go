package e2e

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"penknife/internal/testkit"
)

const (
	traceOfClient  = "0af7651916cd43dd8448eb211c80319c"
	parentOfClient = "00-" + traceOfClient + "-b7ad6b7169203331-01"
)

var traceHeaders = []string{"traceparent: " + parentOfClient, "tracestate: a=1,b=2"}

// TestTraceparentPassesThrough unchanged on both fronts, and through nginx.
func TestTraceparentPassesThrough(t *testing.T) {
	s := serve(t, "logged:application", testkit.Options{})
	front := testkit.NginxPass(t, "unix:"+s.Uwsgi, "")
	for _, c := range append(s.Fronts(), front.Client()) {
		answer := c.Do(t, testkit.Call{Headers: traceHeaders})
		if _, context, _ := strings.Cut(string(answer.Body), "|"); context != parentOfClient+"|a=1,b=2" {
			t.Errorf("%s: %s", c.Name, answer.Body)
		}
	}
}

// TestSpansAreExported to a collector that decodes OTLP: the client's trace is continued for a trusted peer and linked for
// any other, and the application's parent is the span that is exported.
func TestSpansAreExported(t *testing.T) {
	var mu sync.Mutex
	spans := map[string]*tracepb.Span{}
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var request collector.ExportTraceServiceRequest
		if err := proto.Unmarshal(body, &request); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, resource := range request.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				for _, span := range scope.Spans {
					spans[hex.EncodeToString(span.SpanId)] = span
				}
			}
		}
	}))
	defer receiver.Close()
	s := serve(t, "logged:application", testkit.Options{
		Config: "tracing: {otlp: '" + receiver.URL + "', service_name: e2e}\nlog: {access: '%(uri) %(trace_id)', access_delay: 0s}\n"})
	parents := map[string]string{}
	for name, c := range map[string]testkit.Client{
		"stranger": testkit.HTTPClient(s.HTTP), "unix": testkit.HTTPClient(s.HTTPUnix), "uwsgi": testkit.UwsgiClient(s.Uwsgi),
	} {
		answer := c.Do(t, testkit.Call{Target: "/" + name, Headers: traceHeaders})
		parents[name] = strings.Split(string(answer.Body), "|")[1]
	}
	s.Terminate(t, testkit.Grace) // exports what is left
	for name, parent := range parents {
		part := strings.Split(parent, "-")
		if len(part) != 4 || spans[part[2]] == nil {
			t.Errorf("%s: the application's parent %q was not exported", name, parent)
			continue
		}
		span := spans[part[2]]
		if joined := part[1] == traceOfClient; joined != (name != "stranger") || hex.EncodeToString(span.TraceId) != part[1] ||
			(len(span.Links) == 1) != (name == "stranger") {
			t.Errorf("%s: %q, %v", name, parent, span)
		}
		var below []string
		for _, child := range spans {
			if hex.EncodeToString(child.ParentSpanId) == part[2] {
				below = append(below, child.Name)
			}
		}
		if len(below) != 2 {
			t.Errorf("%s: below the request is %v", name, below)
		}
		if want := fmt.Sprintf("/%s %s", name, part[1]); !strings.Contains(s.Output(), want) {
			t.Errorf("the access log has no %q", want)
		}
	}
}
