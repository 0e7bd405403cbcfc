package gateway

import (
	"errors"
	"net/http"
	"strconv"
	"time"
)

// ErrorPage is the plain answer that a front end sends for an error.
type ErrorPage struct {
	Status     int
	RetryAfter string // seconds, "" when the header is not sent
	Close      bool   // the connection cannot be used any more
	Text       string // text/plain body, ends with a line break
}

// PageFor chooses what the client gets for err: the one place where an error becomes a status. The second result is
// false when nothing can be sent and the connection must be cut.
func PageFor(err error) (ErrorPage, bool) {
	kind := KindOf(err)
	status := kind.Status()
	if status == 0 {
		return ErrorPage{}, false
	}
	page := ErrorPage{Status: status, Close: closesConnection(kind)}
	page.Text = strconv.Itoa(status) + " " + http.StatusText(status) + "\n"
	var e *Error
	if !errors.As(err, &e) {
		return page, true
	}
	if e.Public && e.Reason != "" {
		page.Text += "\n" + e.Reason + "\n"
	}
	if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		page.RetryAfter = retryAfter(e.RetryAfter)
	}
	return page, true
}

func retryAfter(d time.Duration) string {
	seconds := int64((d + time.Second - 1) / time.Second)
	return strconv.FormatInt(max(seconds, 1), 10)
}

// closesConnection tells which kinds leave the request's bytes in a state that nobody may read on from.
func closesConnection(k Kind) bool {
	switch k {
	case KindBadRequest, KindBodyTimeout, KindBodyTooLarge, KindTargetTooLong, KindHeadTooLarge,
		KindExpectation, KindUnsupported, KindVersion, KindInsufficientSpace:
		return true
	}
	return false
}
