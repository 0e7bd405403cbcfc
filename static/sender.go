package static

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"penknife/configs"
	"penknife/gateway"
)

// Sender stands directly before the application. An answer with X-Accel-Redirect or X-Sendfile becomes the file that it
// names, if that is below one of the declared directories: with the file's validators and ranges, and the rest of the
// application's header.
type Sender struct {
	mounts []*mount
	next   gateway.Handler
	log    *slog.Logger
}

var _ gateway.Handler = (*Sender)(nil)

// errOutside is an X-Sendfile that leads elsewhere than the operator permits.
var errOutside = errors.New("is not below a directory of sendfile.roots")

// NewSender makes a Sender. It needs no start and no stop. The error names the directory that cannot be used.
func NewSender(cfg configs.Sendfile, deps Deps) (*Sender, error) {
	s := &Sender{next: deps.Next, log: deps.Log}
	open, seed := newOpener(), newSeed()
	for _, prefix := range slices.Sorted(maps.Keys(cfg.Roots)) {
		m, err := newMount(configs.Static{URL: prefix, Root: cfg.Roots[prefix], Immutable: configs.ImmutableOff}, open, deps)
		if err != nil {
			return nil, fmt.Errorf("sendfile.roots %s: %w", prefix, err)
		}
		m.boundary = seed
		s.mounts = append(s.mounts, m)
	}
	slices.SortStableFunc(s.mounts, func(a, b *mount) int { return len(b.prefix) - len(a.prefix) })
	return s, nil
}

// Serve asks the application. An answer that names a file is replaced before anybody sees it; with Request.Later set the
// disk is read by a goroutine of that request.
func (s *Sender) Serve(r *gateway.Request) (*gateway.Response, error) {
	later := r.Later
	if later == nil {
		resp, err := s.next.Serve(r)
		return s.replace(r, resp, err)
	}
	r.Later = func(resp *gateway.Response, err error) {
		if err != nil || !namesFile(resp.Fields) {
			later(resp, err)
			return
		}
		// Ended by the answer: the front end waits for Later before it ends.
		go func() { later(s.replace(r, resp, nil)) }()
	}
	resp, err := s.next.Serve(r)
	if errors.Is(err, gateway.ErrPending) {
		return nil, err // the request may be over by now
	}
	r.Later = later
	return s.replace(r, resp, err)
}

// replace gives the file instead of the answer that names it.
func (s *Sender) replace(r *gateway.Request, resp *gateway.Response, err error) (*gateway.Response, error) {
	if err != nil || !namesFile(resp.Fields) {
		return resp, err
	}
	named := readNamed(resp.Fields)
	m, rel, err := s.find(&named)
	if m == nil && err == nil {
		return resp, nil // an X-Accel-Redirect for the server in front of us
	}
	status := resp.Status
	resp.Body.CloseWithError(nil)
	if err != nil {
		return nil, &gateway.Error{Kind: gateway.KindApp, Reason: "the application names a file that it may not send", Err: err}
	}
	if status != http.StatusOK {
		return nil, gateway.Errorf(gateway.KindApp, "the application names a file in an answer with status %d", status)
	}
	v := visit{m: m, r: r, asked: readAsked(r)}
	if err = errAbsent; isClean(rel) {
		err = v.settleOn(m.look(rel))
	}
	if err == nil {
		resp, err = v.deliver()
	} else {
		resp, err = v.trouble(err)
	}
	if err != nil {
		return nil, err
	}
	if resp.Status == http.StatusNotFound {
		s.log.Warn("the application names a file that is not there", "request", r.ID,
			"request_id", string(r.RequestID), "root", m.root, "name", string(rel))
		return resp, nil
	}
	return named.dress(resp), nil
}

// find tells where a named file is. Nil and no error: not ours.
func (s *Sender) find(named *namedFile) (*mount, []byte, error) {
	if named.redirect != nil {
		path, _, _ := strings.Cut(string(named.redirect), "?")
		decoded, err := url.PathUnescape(path)
		if err != nil {
			return nil, nil, fmt.Errorf("X-Accel-Redirect: %q: %w", path, err)
		}
		for _, m := range s.mounts {
			if rest, ok := m.match([]byte(decoded)); ok && len(rest) > 0 {
				return m, rest[1:], nil
			}
		}
		return nil, nil, nil
	}
	path := string(named.path)
	for _, m := range s.mounts {
		for _, root := range m.spellings() {
			if rel, ok := strings.CutPrefix(path, root+"/"); ok {
				return m, []byte(rel), nil
			}
		}
	}
	return nil, nil, fmt.Errorf("X-Sendfile: %q %w", path, errOutside)
}

// spellings gives the root as it was configured, and as it is called without symbolic links: applications say either.
func (m *mount) spellings() []string {
	names := []string{filepath.Clean(m.root)}
	if resolved, err := filepath.EvalSymlinks(m.root); err == nil && resolved != names[0] {
		names = append(names, resolved)
	}
	return names
}

// namesFile is the one look that every answer of the application gets.
func namesFile(fields []byte) bool {
	for len(fields) > 0 {
		if (fields[0] == 'X' || fields[0] == 'x') && nameOf(fields) != fieldOther {
			return true
		}
		end := bytes.IndexByte(fields, '\n')
		if end < 0 {
			return false
		}
		fields = fields[end+1:]
	}
	return false
}
