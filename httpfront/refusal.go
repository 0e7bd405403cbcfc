package httpfront

import "penknife/gateway"

// refusal is a reason to turn a request down: what the client gets, and the label it is counted by.
type refusal struct {
	reason string
	err    *gateway.Error
}

func newRefusal(reason string, kind gateway.Kind, text string) *refusal {
	return &refusal{reason, &gateway.Error{Kind: kind, Reason: text, Public: true}}
}

// The refusals. They are shared and never changed.
var (
	refuseRequestLine     = newRefusal("request_line", gateway.KindBadRequest, "malformed request line")
	refuseTarget          = newRefusal("target", gateway.KindBadRequest, "malformed request target")
	refuseLineEnd         = newRefusal("line_end", gateway.KindBadRequest, "a line does not end with CRLF")
	refuseFold            = newRefusal("fold", gateway.KindBadRequest, "folded header line")
	refuseFieldName       = newRefusal("field_name", gateway.KindBadRequest, "malformed header field name")
	refuseFieldValue      = newRefusal("field_value", gateway.KindBadRequest, "control character in a header field")
	refuseHost            = newRefusal("host", gateway.KindBadRequest, "missing, repeated or malformed Host")
	refuseContentType     = newRefusal("content_type", gateway.KindBadRequest, "repeated Content-Type")
	refuseLength          = newRefusal("content_length", gateway.KindBadRequest, "malformed or repeated Content-Length")
	refuseCoding          = newRefusal("transfer_encoding", gateway.KindBadRequest, "Transfer-Encoding does not end with chunked, repeats it, or does not belong here")
	refuseBothFramings    = newRefusal("framing", gateway.KindBadRequest, "Content-Length together with Transfer-Encoding")
	refuseUnknownCoding   = newRefusal("transfer_coding", gateway.KindUnsupported, "unknown transfer coding")
	refuseMethod          = newRefusal("method", gateway.KindUnsupported, "method not supported")
	refuseVersion         = newRefusal("version", gateway.KindVersion, "only HTTP/1.0 and HTTP/1.1 are spoken here")
	refuseExpectation     = newRefusal("expectation", gateway.KindExpectation, "unknown expectation")
	refuseLongLine        = newRefusal("long_line", gateway.KindTargetTooLong, "request line too long (limits.request_line)")
	refuseLongHead        = newRefusal("long_head", gateway.KindHeadTooLarge, "header fields too large (limits.header_block)")
	refuseManyFields      = newRefusal("many_fields", gateway.KindHeadTooLarge, "too many header fields (limits.header_count)")
	refuseSlowHead        = newRefusal("slow_head", gateway.KindBodyTimeout, "the request took too long to arrive (limits.header_timeout)")
	refuseCutHead         = newRefusal("cut_head", gateway.KindBadRequest, "the request ends before its head does")
	refuseLargeBody       = newRefusal("large_body", gateway.KindBodyTooLarge, "the request body is too large (limits.body)")
	refuseSlowBody        = newRefusal("slow_body", gateway.KindBodyTimeout, "the request body took too long to arrive (limits.body_timeout, limits.body_min_rate)")
	refuseCutBody         = newRefusal("cut_body", gateway.KindBadRequest, "the request body ends too early")
	refuseChunk           = newRefusal("chunk", gateway.KindBadRequest, "malformed chunked body")
	refuseLongChunkLine   = newRefusal("long_chunk_line", gateway.KindBadRequest, "the line before a chunk is longer than 1 KiB")
	refuseChunkExtensions = newRefusal("chunk_extensions", gateway.KindBadRequest, "the chunk extensions outweigh the body by more than 16 KiB")
	refuseLongTrailer     = newRefusal("long_trailer", gateway.KindBadRequest, "the trailer section is larger than 8 KiB")
	refusePlain           = newRefusal("plain_http", gateway.KindBadRequest, "this port speaks HTTPS: the address begins with https://")
	refuseProxyHeader     = newRefusal("proxy_header", gateway.KindBadRequest, "a PROXY protocol header where none is expected (http.proxy_protocol)")
	refuseTLS             = newRefusal("tls", gateway.KindBadRequest, "TLS on a port that speaks plain HTTP: the address begins with http://, or this listener needs http.tls")
	refuseTrailer         = newRefusal("trailer", gateway.KindBadRequest, "malformed trailer")
)
