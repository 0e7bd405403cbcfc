package static

import (
	"errors"
	"net/http"
	"os"

	"golang.org/x/sys/unix"

	"penknife/gateway"
)

// visit is one request below a mount.
type visit struct {
	asked
	place
	m *mount
	r *gateway.Request
	// lists is the directory to be listed, below the root and without a slash at its end; nil: a file is asked for.
	lists *string
}

// serve answers a request whose path continues with rest behind the prefix.
func (m *mount) serve(r *gateway.Request, rest []byte) (*gateway.Response, error) {
	if method := string(r.Method); method != http.MethodGet && method != http.MethodHead {
		return m.otherMethod(r)
	}
	v := visit{m: m, r: r, asked: readAsked(r)}
	answer, err := v.locate(rest)
	switch {
	case answer != nil:
		return answer, nil
	case err != nil:
		return v.trouble(err)
	}
	if v.lists == nil && (m.siblings || m.compress) {
		v.place = m.choose(v.place, &v.asked, r.Start)
	}
	if r.Later == nil || v.lists == nil && (v.held != nil || v.id.size > m.maxHeld && !v.make) {
		return v.deliver()
	}
	later := v
	// Ended by the answer: the front end waits for Later before it ends.
	go func() {
		if resp, err := later.deliver(); !errors.Is(err, gateway.ErrPending) {
			r.Later(resp, err)
		}
	}()
	return nil, gateway.ErrPending
}

// errAbsent: the mount has nothing under that name.
var errAbsent = errors.New("static: no such file")

// locate finds the file, which is then in v.place. An answer is a redirect.
func (v *visit) locate(rest []byte) (answer *gateway.Response, err error) {
	m := v.m
	switch {
	case m.single && len(rest) > 0:
		return nil, errAbsent
	case m.single:
		return nil, v.settleOn(m.look(rest))
	case len(rest) == 0:
		return v.directory(rest)
	}
	rel := rest[1:]
	if !isClean(rel) {
		return nil, errAbsent
	}
	var found bool
	if isDirectoryName(rel) {
		if v.place, found = m.lookIndex(rel); !found {
			found = v.listable(rel)
		}
	} else {
		err = v.settleOn(m.look(rel))
		if err == nil || !isAbsent(err) && !errors.Is(err, errAbsent) {
			return nil, err
		}
		if v.id.isDir {
			answer, _ = v.directory(rel)
			found = answer != nil
		}
	}
	if !found && m.servesFallback(rel, &v.asked) {
		return nil, v.settleOn(m.look([]byte(m.fallback)))
	}
	if !found {
		return nil, errAbsent
	}
	return answer, nil
}

// settleOn takes what was found if it is a file.
func (v *visit) settleOn(p place, err error) error {
	v.place = p
	switch {
	case err != nil:
		return err
	case !p.id.isRegular:
		return errAbsent
	}
	return nil
}

// directory answers for one that was asked for without its slash: a redirect if there is something behind it.
func (v *visit) directory(rel []byte) (*gateway.Response, error) {
	dir := string(rel)
	if dir != "" {
		dir += "/"
	}
	if _, ok := v.m.lookIndex([]byte(dir)); !ok && !v.listable([]byte(dir)) {
		return nil, errAbsent
	}
	v.m.count(Redirected)
	return redirect(v.r), nil
}

// deliver makes the answer. It blocks for the disk if the file is not held.
func (v *visit) deliver() (*gateway.Response, error) {
	if v.lists != nil {
		return v.list(*v.lists)
	}
	if v.held != nil {
		if resp := v.conditional(v.held); resp != nil {
			return resp, nil
		}
		if v.held.content != nil || v.isHead {
			return v.answer(v.held, nil), nil
		}
	}
	f, from, err := v.m.read(v.wanted, v.held)
	if v.make {
		v.m.compressing.Unlock()
	}
	if err != nil && v.coding != codingPlain {
		f, from, err = v.readPlain()
	}
	if err != nil {
		return v.trouble(err)
	}
	resp := v.conditional(f)
	if resp != nil || v.isHead {
		release(from)
		from = nil
	}
	if resp == nil {
		resp = v.answer(f, from)
	}
	return resp, nil
}

// readPlain reads the file itself when a sibling cannot be read.
func (v *visit) readPlain() (*file, *os.File, error) {
	plain, err := v.m.look([]byte(v.plain))
	if err != nil {
		return nil, nil, err
	}
	v.place = plain
	v.held, v.varies = nil, true
	return v.m.read(v.wanted, nil)
}

// conditional answers a request whose condition ends it.
func (v *visit) conditional(f *file) *gateway.Response {
	switch v.judge(f) {
	case http.StatusNotModified:
		v.m.count(NotModified)
		return f.unchanged
	case http.StatusPreconditionFailed:
		v.m.count(Refused)
		return plainPage(http.StatusPreconditionFailed, "")
	}
	return nil
}

// trouble answers when there is no file to send.
func (v *visit) trouble(err error) (*gateway.Response, error) {
	switch {
	case isForbidden(err):
		v.m.log.Warn("static file may not be read", "request", v.r.ID, "request_id", string(v.r.RequestID), "path", v.path, "error", err)
	case !isAbsent(err) && !errors.Is(err, errAbsent) && !errors.Is(err, errNotRegular):
		v.m.count(Failed)
		kind := gateway.KindInternal
		if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) {
			kind = gateway.KindOverloaded // it passes
		}
		return nil, &gateway.Error{Kind: kind, Reason: "a static file cannot be read", Err: err}
	}
	if v.m.fallsOn {
		v.m.count(PassedOn)
		return v.m.next.Serve(v.r)
	}
	v.m.count(Missed)
	return plainPage(http.StatusNotFound, ""), nil
}

func (m *mount) otherMethod(r *gateway.Request) (*gateway.Response, error) {
	if m.fallsOn {
		m.count(PassedOn)
		return m.next.Serve(r)
	}
	m.count(Refused)
	return plainPage(http.StatusMethodNotAllowed, "Allow: GET, HEAD\r\n"), nil
}
