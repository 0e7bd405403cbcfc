package control

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// fakeCache remembers what it was asked.
type fakeCache struct {
	purged Purge
	top    int
	err    error
}

func (f *fakeCache) Purge(q Purge) (int, error) {
	f.purged = q
	return 3, f.err
}

func (f *fakeCache) CacheStats(top int) CacheStats {
	f.top = top
	return CacheStats{Entries: 7}
}

// ask makes a request of the routes alone.
func ask(cache CacheControl, method, path string) *httptest.ResponseRecorder {
	mux := http.NewServeMux()
	routeCache(mux, cache)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

func TestCachePurge(t *testing.T) {
	for query, want := range map[string]Purge{
		"url=" + url.QueryEscape("https://a/b?c=d&e"): {URL: "https://a/b?c=d&e"},
		"prefix=https://a/":                           {Prefix: "https://a/"},
		"tag=x":                                       {Tag: "x"},
		"all=true":                                    {All: true},
	} {
		f := &fakeCache{}
		w := ask(f, "POST", "/cache/purge?"+query)
		if w.Code != 200 || f.purged != want || !strings.Contains(w.Body.String(), `"removed": 3`) {
			t.Errorf("%s: %d %s, %+v", query, w.Code, w.Body, f.purged)
		}
	}
	for _, query := range []string{"", "all=yes", "url=&tag=", "tag=a&all=true", "url=https://a/&prefix=https://a/"} {
		f := &fakeCache{}
		if w := ask(f, "POST", "/cache/purge?"+query); w.Code != 400 || f.purged != (Purge{}) {
			t.Errorf("%q: %d, purged %+v", query, w.Code, f.purged)
		}
	}
	if w := ask(&fakeCache{err: errors.New("no such thing")}, "POST", "/cache/purge?tag=a"); w.Code != 422 || !strings.Contains(w.Body.String(), "no such thing") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(nil, "POST", "/cache/purge?tag=a"); w.Code != 409 || !strings.Contains(w.Body.String(), ErrNoCache.Error()) {
		t.Errorf("without a cache: %d %s", w.Code, w.Body)
	}
	if w := ask(&fakeCache{}, "GET", "/cache/purge?all=true"); w.Code != 405 {
		t.Errorf("GET purges: %d", w.Code)
	}
}

func TestCacheStats(t *testing.T) {
	for query, top := range map[string]int{"": 0, "?top=5": 5, "?top=-5": 0, "?top=x": 0, "?top=99999": maxTop} {
		f := &fakeCache{top: -1}
		if w := ask(f, "GET", "/cache/stats"+query); w.Code != 200 || f.top != top || !strings.Contains(w.Body.String(), `"entries": 7`) {
			t.Errorf("%q: %d %s, top %d", query, w.Code, w.Body, f.top)
		}
	}
	if w := ask(nil, "GET", "/cache/stats"); w.Code != 409 {
		t.Errorf("without a cache: %d", w.Code)
	}
}
