package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestKinds_AllHaveNameAndStatus walks the table: a kind without a name or with a status that is none would reach logs
// and clients as "unknown" and 500.
func TestKinds_AllHaveNameAndStatus(t *testing.T) {
	names := map[string]Kind{}
	for _, k := range Kinds() {
		if k.String() == "" || k.String() == "unknown" {
			t.Errorf("kind %d has no name", k)
		}
		if other, taken := names[k.String()]; taken {
			t.Errorf("kinds %d and %d are both called %s", k, other, k)
		}
		names[k.String()] = k
		if s := k.Status(); s != 0 && (s < 400 || s > 599 || http.StatusText(s) == "") {
			t.Errorf("%s has status %d", k, s)
		}
	}
	if Kind(0).String() != "unknown" || Kind(200).Status() != 500 {
		t.Error("a kind outside the table must be unknown, and an internal error")
	}
}

// TestPageFor_FollowsTheDesign is the table of design.md section 2, as far as it speaks of statuses.
func TestPageFor_FollowsTheDesign(t *testing.T) {
	for kind, want := range map[Kind]struct {
		status       int
		close, retry bool
	}{
		KindBadRequest:   {400, true, false},
		KindBodyTimeout:  {408, true, false},
		KindBodyTooLarge: {413, true, false},
		KindHeadTooLarge: {431, true, false},
		KindUnsupported:  {501, true, false},
		KindUnavailable:  {503, false, true},
		KindOverloaded:   {503, false, true},
		KindQueueTimeout: {503, false, true},
		KindForbidden:    {403, false, false},

		KindTooManyRequests: {429, false, true},
		KindApp:             {500, false, false},
		KindWorkerDied:      {502, false, false},
		KindRequestTimeout:  {504, false, false},
	} {
		page, ok := PageFor(fmt.Errorf("on the way: %w", Errorf(kind, "secret")))
		if !ok || page.Status != want.status || page.Close != want.close || (page.RetryAfter != "") != want.retry {
			t.Errorf("%s: %+v, %v", kind, page, ok)
		}
		if strings.Contains(page.Text, "secret") {
			t.Errorf("%s: the page gives the reason away", kind)
		}
	}
	for _, kind := range []Kind{KindClientGone, KindAppCut} {
		if page, ok := PageFor(Errorf(kind, "x")); ok {
			t.Errorf("%s: nothing can be sent, got %+v", kind, page)
		}
	}
}

func TestPageFor_Details(t *testing.T) {
	if page, _ := PageFor(PublicErrorf(KindBadRequest, "byte %d is odd", 7)); !strings.Contains(page.Text, "byte 7 is odd") {
		t.Errorf("a public reason is missing: %q", page.Text)
	}
	if page, _ := PageFor(errors.New("plain")); page.Status != 500 {
		t.Errorf("an error without a kind: %d", page.Status)
	}
	for wait, want := range map[time.Duration]string{0: "1", 300 * time.Millisecond: "1", 1001 * time.Millisecond: "2", time.Minute: "60"} {
		if page, _ := PageFor(&Error{Kind: KindUnavailable, RetryAfter: wait}); page.RetryAfter != want {
			t.Errorf("Retry-After for %s: %q, want %q", wait, page.RetryAfter, want)
		}
	}
}

func TestFront_Names(t *testing.T) {
	for f := FrontHTTP; f <= FrontUwsgi; f++ {
		if f.String() == "unknown" {
			t.Errorf("front %d has no name", f)
		}
	}
	if Front(0).String() != "unknown" || Front(9).String() != "unknown" {
		t.Error("a front outside the table must be unknown")
	}
}
