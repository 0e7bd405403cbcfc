package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"syscall"

	"penknife/configs"
	"penknife/control"
	"penknife/osproc"
	"penknife/sockets"
)

// wanted is one socket that the configuration asks for, and where it belongs.
type wanted struct {
	path         string // of its section: "uwsgi[0]"
	listen       string
	mode         configs.FileMode
	owner, group string
	suits        func(sockets.Addr) error // judges the address of a socket that others have opened; may be nil
	into         **sockets.Listener
}

// key is where the address stands in the configuration.
func (w *wanted) key() string {
	if w.path == "stats" {
		return w.path
	}
	return w.path + ".listen"
}

// listeners are the open sockets, in the order of the configuration.
type listeners struct {
	http  []*sockets.Listener
	uwsgi []*sockets.Listener
	admin *sockets.Listener // nil: none
	stats *sockets.Listener // nil: none
	// control is closed by its stage; here it is only to be told of. Nil: none.
	control *sockets.Listener
	// unused were handed over by a predecessor, and the configuration does not name them any more.
	unused []*sockets.Listener
	lost   sync.Map // addresses whose loss was told
}

// opener opens the sockets of a configuration, or takes those that were passed.
type opener struct {
	loaded   *configs.Loaded
	passed   *sockets.Passed
	identity *osproc.Identity // gets what is made; nil: whoever this process is
}

// open opens every socket. All that fail are reported at once, and then none stays open. What the configuration is to
// blame for comes as one *configs.Problems.
func (o *opener) open(ctx context.Context) (*listeners, error) {
	cfg := o.loaded.Config
	open := &listeners{
		http: make([]*sockets.Listener, len(cfg.HTTP)), uwsgi: make([]*sockets.Listener, len(cfg.Uwsgi)),
	}
	var all []wanted
	for i, h := range cfg.HTTP {
		all = append(all, wanted{fmt.Sprintf("http[%d]", i), h.Listen, h.Mode, h.Owner, h.Group, suitsHTTP(h), &open.http[i]})
	}
	for i, u := range cfg.Uwsgi {
		all = append(all, wanted{fmt.Sprintf("uwsgi[%d]", i), u.Listen, u.Mode, u.Owner, u.Group, suitsUwsgi(u),
			&open.uwsgi[i]})
	}
	if cfg.Admin.Listen != "" {
		all = append(all, wanted{path: "admin", listen: cfg.Admin.Listen, into: &open.admin})
	}
	if cfg.Stats != "" {
		all = append(all, wanted{path: "stats", listen: cfg.Stats, into: &open.stats})
	}
	if err := o.openAll(ctx, all); err != nil {
		return nil, errors.Join(err, open.close())
	}
	return open, nil
}

// openAll takes what was passed first, before anything is opened that might get the number which fd: names.
func (o *opener) openAll(ctx context.Context, all []wanted) error {
	var failures []error
	var problems configs.Problems
	note := func(err error) {
		var found *configs.Problems
		if errors.As(err, &found) {
			problems.List = append(problems.List, found.List...)
		} else if err != nil {
			failures = append(failures, err)
		}
	}
	failed := map[string]bool{}
	for _, w := range all {
		err := o.take(w)
		failed[w.path] = err != nil
		note(err)
	}
	for _, w := range all {
		if *w.into == nil && !failed[w.path] {
			note(o.bind(ctx, w))
		}
	}
	if len(problems.List) > 0 {
		failures = append(failures, &problems)
	}
	return errors.Join(failures...)
}

// take looks for a socket among those that were passed.
func (o *opener) take(w wanted) error {
	addr, err := sockets.Parse(w.listen)
	if err != nil {
		return o.loaded.Problem(w.key(), err)
	}
	listener, err := o.passed.Take(addr)
	if err == nil && listener == nil && addr.IsPassed() {
		err = fmt.Errorf("%s: %w", addr, sockets.ErrNotPassed)
	}
	if err != nil {
		return o.loaded.Problem(w.key(), err)
	}
	*w.into = listener
	if listener != nil && w.suits != nil {
		if err := w.suits(listener.Address()); err != nil {
			return o.loaded.Problem(w.key(), fmt.Errorf("%s is %s, %w", addr, listener.Address(), err))
		}
	}
	return nil
}

// What a socket that others have opened may turn out to be. For the others the loader has judged the same.
var (
	errPublic    = errors.New("which is public: add allow_from with the addresses of the web servers")
	errNoAddress = errors.New("whose peers have no address: remove allow_from and deny_from")
	errNoSenders = errors.New("which anybody may reach: add proxy_protocol_from with the addresses of the load balancers")
)

func suitsHTTP(h configs.HTTP) func(sockets.Addr) error {
	return func(addr sockets.Addr) error {
		switch {
		case addr.IsUnix() && !h.ProxyProtocol && len(h.AllowFrom)+len(h.DenyFrom) > 0:
			return errNoAddress
		case !addr.IsUnix() && h.ProxyProtocol && len(h.ProxyProtocolFrom) == 0:
			return errNoSenders
		}
		return nil
	}
}

func suitsUwsgi(u configs.Uwsgi) func(sockets.Addr) error {
	return func(addr sockets.Addr) error {
		switch {
		case addr.IsUnix() && len(u.AllowFrom)+len(u.DenyFrom) > 0:
			return errNoAddress
		case len(u.AllowFrom) == 0 && !addr.IsLoopback():
			return errPublic
		}
		return nil
	}
}

// bind makes a socket.
func (o *opener) bind(ctx context.Context, w wanted) error {
	addr, err := sockets.Parse(w.listen)
	if err != nil {
		return o.loaded.Problem(w.key(), err)
	}
	permissions, err := o.permissions(w)
	if err != nil {
		return err
	}
	listener, err := sockets.Listen(ctx, addr, permissions)
	if err != nil {
		return fmt.Errorf("%w%s", err, listenHint(addr, err))
	}
	*w.into = listener
	return nil
}

// permissions says whose a unix socket is.
func (o *opener) permissions(w wanted) (sockets.Permissions, error) {
	uid, gid, err := sockets.LookupOwner(w.owner, w.group)
	if err != nil {
		return sockets.Permissions{}, o.loaded.Problem(w.path+".owner", err)
	}
	if o.identity != nil && os.Geteuid() == 0 {
		if w.owner == "" {
			uid = o.identity.UID
		}
		if w.group == "" {
			gid = o.identity.GID
		}
	}
	return sockets.Permissions{Mode: w.mode.Perm(), UID: uid, GID: gid}, nil
}

// listenHint says what to do about the usual reasons.
func listenHint(addr sockets.Addr, err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE), errors.Is(err, sockets.ErrInUse):
		return " (the address is in use: is another server, or another penknife, running there?)"
	case errors.Is(err, syscall.EACCES) && addr.IsUnix():
		return fmt.Sprintf(" (user %d may not create files in the socket's directory, or not enter it)", os.Geteuid())
	case errors.Is(err, syscall.EACCES):
		return " (ports below 1024 need root and process.user, CAP_NET_BIND_SERVICE, or a socket of systemd; or take a higher port)"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return " (no interface of this machine has that address)"
	case errors.Is(err, syscall.ENOENT):
		return " (create the socket's directory first; systemd: RuntimeDirectory=)"
	}
	return ""
}

// list gives the protocols and addresses.
func (l *listeners) list() []control.Listener {
	var all []control.Listener
	add := func(protocol string, open ...*sockets.Listener) {
		for _, one := range open {
			if one != nil {
				all = append(all, control.Listener{Protocol: protocol, Address: one.Address().String(), Lost: one.Lost()})
			}
		}
	}
	add("http", l.http...)
	add("uwsgi", l.uwsgi...)
	add("admin", l.admin)
	add("stats", l.stats)
	add("control", l.control)
	return all
}

// lookAfter gives the open sockets and warns, once for each, of those that no client can find any more.
func (l *listeners) lookAfter(log *slog.Logger) []control.Listener {
	all := l.list()
	for _, one := range all {
		if one.Lost == "" {
			continue
		}
		if _, known := l.lost.LoadOrStore(one.Address, true); !known {
			log.Warn("a socket file is not ours any more: nobody can connect there until penknife is restarted",
				"listener", one.Protocol+" "+one.Address, "file", one.Lost)
		}
	}
	return all
}

// all gives every open socket of the configuration.
func (l *listeners) all() []*sockets.Listener {
	var all []*sockets.Listener
	for _, listener := range append(append([]*sockets.Listener{l.control, l.admin, l.stats}, l.http...), l.uwsgi...) {
		if listener != nil {
			all = append(all, listener)
		}
	}
	return all
}

// disown leaves the socket files to a successor.
func (l *listeners) disown() {
	for _, listener := range l.all() {
		listener.Disown()
	}
}

// inherit makes the sockets that a predecessor has handed over this server's own, with the permissions of this
// configuration, and closes those that it does not name.
func (l *listeners) inherit(o *opener, log *slog.Logger) {
	cfg := o.loaded.Config
	note := func(err error) {
		if err != nil {
			log.Warn("a socket of the predecessor is not as it should be", "error", err)
		}
	}
	for _, listener := range append(l.all(), l.unused...) {
		note(listener.Inherit())
	}
	permit := func(listener *sockets.Listener, w wanted) {
		permissions, err := o.permissions(w)
		if err == nil {
			err = listener.Permit(permissions)
		}
		note(err)
	}
	for i, h := range cfg.HTTP {
		permit(l.http[i], wanted{mode: h.Mode, owner: h.Owner, group: h.Group})
	}
	for i, u := range cfg.Uwsgi {
		permit(l.uwsgi[i], wanted{mode: u.Mode, owner: u.Owner, group: u.Group})
	}
	for _, listener := range l.unused {
		log.Info("no longer listening", "listen", listener.Address().String())
		note(listener.Close())
	}
	l.unused = nil
}

// close closes what is open, and removes socket files. Fronts close their listeners too; a second close does nothing.
func (l *listeners) close() error {
	var failures []error
	for _, listener := range append(l.all(), l.unused...) {
		failures = append(failures, listener.Close())
	}
	return errors.Join(failures...)
}
