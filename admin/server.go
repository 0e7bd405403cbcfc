package admin

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"time"

	"penknife/control"
)

// The times that a client of the admin listener gets. Scrapes are small; a slow one is a broken one.
const (
	readTimeout  = 10 * time.Second
	writeTimeout = 30 * time.Second
	idleTimeout  = 2 * time.Minute
	headerLimit  = 16 << 10
)

// Deps is what the admin listener shows.
type Deps struct {
	// Metrics serves /metrics.
	Metrics http.Handler
	// Ready gives nil when requests can be answered, or why they cannot. It must not block.
	Ready func() error
	// Report is what the status page and /status.json show. It must not block.
	Report func() control.Report
	// Audience is who sees them.
	Audience Audience
	// Hosts are names of this server that clients may use for them, beside addresses and localhost.
	Hosts []string
	Log   *slog.Logger
}

// Server is the admin listener's.
type Server struct{ *control.Serving }

// New makes a server that does nothing yet.
func New(deps Deps) *Server {
	return &Server{control.NewServing("admin", &http.Server{
		Handler:        newMux(deps),
		ReadTimeout:    readTimeout,
		WriteTimeout:   writeTimeout,
		IdleTimeout:    idleTimeout,
		MaxHeaderBytes: headerLimit,
		ConnContext:    rememberPeer,
	}, deps.Log)}
}

func newMux(deps Deps) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", deps.Metrics)
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "alive") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := deps.Ready(); err != nil {
			answer(w, http.StatusServiceUnavailable, err.Error())
			return
		}
		answer(w, http.StatusOK, "ready")
	})
	if deps.Audience == Nobody || deps.Report == nil {
		mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
			answer(w, http.StatusOK, "penknife: /metrics /livez /readyz")
		})
		return mux
	}
	guard := guard{deps.Audience, deps.Hosts}
	mux.HandleFunc("GET /{$}", guard.before(servePage(deps)))
	mux.HandleFunc("GET /status.json", guard.before(serveJSON(deps)))
	return mux
}

// servePage answers with the status page.
func servePage(deps Deps) http.HandlerFunc {
	page := newPage()
	return func(w http.ResponseWriter, _ *http.Request) {
		report := deps.Report()
		text, err := page.render(&report)
		if err != nil {
			deps.Log.Error("status page not made", "error", err)
			answer(w, http.StatusInternalServerError, "the page could not be made; see the log")
			return
		}
		header := w.Header()
		header.Set("Content-Security-Policy", page.policy)
		header.Set("Content-Type", "text/html; charset=utf-8")
		guardContent(header)
		_, _ = w.Write(text) // a client that left needs no answer
	}
}

// serveJSON answers with the same as a document for programs.
func serveJSON(deps Deps) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		guardContent(w.Header())
		_ = json.NewEncoder(w).Encode(deps.Report()) // a client that left needs no answer
	}
}

// guardContent keeps other web sites from embedding or reading an answer.
func guardContent(header http.Header) {
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("X-Frame-Options", "DENY")
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // a client that left needs no answer
}
