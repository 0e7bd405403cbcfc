package tracing

import (
	"go.opentelemetry.io/otel/trace"

	"penknife/gateway"
	"penknife/uwsgiproto"
)

// Names of the variables of W3C Trace Context's headers.
const (
	varParent = "HTTP_TRACEPARENT"
	varState  = "HTTP_TRACESTATE"
)

// findContext reads what the peer sent (https://www.w3.org/TR/trace-context/ section 3.2). It is not valid when there is
// none, when it does not parse, or when there are several.
func findContext(r *gateway.Request) trace.SpanContext {
	var parent, state []byte
	parents := 0
	for vars := uwsgiproto.Vars(r.Vars); len(vars) > 0; {
		key, value, rest, err := vars.Next()
		if err != nil {
			break
		}
		switch string(key) {
		case varParent:
			parent = value
			parents++
		case varState:
			state = value
		}
		vars = rest
	}
	if parents != 1 {
		return trace.SpanContext{}
	}
	return parseContext(string(parent), string(state))
}

// parseContext parses version 00, and what later versions have in common with it.
func parseContext(parent, state string) trace.SpanContext {
	const size = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if len(parent) < size || parent[2] != '-' || parent[35] != '-' || parent[52] != '-' || parent[:2] == "ff" ||
		(parent[:2] == "00" && len(parent) != size) || (len(parent) > size && parent[size] != '-') ||
		!isLowerHex(parent[:2]) || !isLowerHex(parent[53:55]) {
		return trace.SpanContext{}
	}
	traceID, err := trace.TraceIDFromHex(parent[3:35])
	if err != nil {
		return trace.SpanContext{}
	}
	spanID, err := trace.SpanIDFromHex(parent[36:52])
	if err != nil {
		return trace.SpanContext{}
	}
	flags := trace.TraceFlags(0)
	if digit := parent[54]; (digit >= 'a' && (digit-'a'+10)&1 == 1) || (digit <= '9' && (digit-'0')&1 == 1) {
		flags = trace.FlagsSampled
	}
	list, err := trace.ParseTraceState(state)
	if err != nil {
		list = trace.TraceState{} // section 3.3: a state that does not parse is dropped, the parent counts
	}
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: traceID, SpanID: spanID, TraceFlags: flags, TraceState: list, Remote: true,
	})
}

func isLowerHex(text string) bool {
	for _, c := range text {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// replaceContext gives a new block in which our span is the parent. A block is copied, and not added to: values of
// HTTP_ variables that occur twice are joined.
func replaceContext(vars uwsgiproto.Vars, sc trace.SpanContext) []byte {
	block := make([]byte, 0, len(vars)+128)
	for len(vars) > 0 {
		key, _, rest, err := vars.Next()
		if err != nil {
			return append(block, vars...) // the front end accepted it; the worker judges it as it is
		}
		if name := string(key); name != varParent && name != varState {
			block = append(block, vars[:len(vars)-len(rest)]...)
		}
		vars = rest
	}
	text := "00-" + sc.TraceID().String() + "-" + sc.SpanID().String() + "-" + sc.TraceFlags().String()
	block, _ = uwsgiproto.AppendVar(block, varParent, text) // it is never too long
	if state := sc.TraceState().String(); state != "" {
		if with, err := uwsgiproto.AppendVar(block, varState, state); err == nil {
			block = with
		}
	}
	return block
}
