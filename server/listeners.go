package server

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"penknife/configs"
	"penknife/control"
	"penknife/sockets"
)

// ruleListen is broken by a listener that only the system can judge: an owner that does not exist.
const ruleListen configs.Rule = "listen"

// wanted is one socket that the configuration asks for.
type wanted struct {
	path         string // of its section: "uwsgi[0]"
	listen       string
	mode         configs.FileMode
	owner, group string
}

// listeners are the open sockets, in the order of the configuration.
type listeners struct {
	http  []*sockets.Listener
	uwsgi []*sockets.Listener
	admin *sockets.Listener // nil: none
	// control is closed by its stage; here it is only to be told of. Nil: none.
	control *sockets.Listener
}

// openListeners binds every socket. All that fail are reported at once, and then none stays open. What the
// configuration is to blame for comes as one *configs.Problems.
func openListeners(ctx context.Context, loaded *configs.Loaded) (*listeners, error) {
	var open listeners
	var failures []error
	var problems configs.Problems
	bind := func(w wanted) *sockets.Listener {
		listener, err := openListener(ctx, loaded, w)
		var found *configs.Problems
		if errors.As(err, &found) {
			problems.List = append(problems.List, found.List...)
		} else if err != nil {
			failures = append(failures, err)
		}
		return listener
	}
	cfg := loaded.Config
	for i, h := range cfg.HTTP {
		w := wanted{fmt.Sprintf("http[%d]", i), h.Listen, h.Mode, h.Owner, h.Group}
		open.http = append(open.http, bind(w))
	}
	for i, u := range cfg.Uwsgi {
		w := wanted{fmt.Sprintf("uwsgi[%d]", i), u.Listen, u.Mode, u.Owner, u.Group}
		open.uwsgi = append(open.uwsgi, bind(w))
	}
	if cfg.Admin.Listen != "" {
		open.admin = bind(wanted{path: "admin", listen: cfg.Admin.Listen})
	}
	if len(problems.List) > 0 {
		failures = append(failures, &problems)
	}
	if len(failures) > 0 {
		return nil, errors.Join(append(failures, open.close())...)
	}
	return &open, nil
}

func openListener(ctx context.Context, loaded *configs.Loaded, w wanted) (*sockets.Listener, error) {
	addr, err := sockets.Parse(w.listen)
	if err != nil {
		return nil, configProblem(loaded, w.path+".listen", err)
	}
	uid, gid, err := sockets.LookupOwner(w.owner, w.group)
	if err != nil {
		return nil, configProblem(loaded, w.path+".owner", err)
	}
	listener, err := sockets.Listen(ctx, addr, sockets.Permissions{Mode: w.mode.Perm(), UID: uid, GID: gid})
	if err != nil {
		return nil, fmt.Errorf("%w%s", err, listenHint(err))
	}
	return listener, nil
}

// configProblem makes an error with exit code 2 of something that the loader could not know.
func configProblem(loaded *configs.Loaded, path string, err error) error {
	return &configs.Problems{List: []configs.Problem{{
		Rule: ruleListen, Source: loaded.Sources.Of(path), Key: path, Text: err.Error(),
	}}}
}

// listenHint says what to do about the usual reasons.
func listenHint(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE), errors.Is(err, sockets.ErrInUse):
		return " (the address is in use: is another server, or another penknife, running there?)"
	case errors.Is(err, syscall.EACCES):
		return " (ports below 1024 need CAP_NET_BIND_SERVICE; a socket's directory must be writable)"
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
				all = append(all, control.Listener{Protocol: protocol, Address: one.Address().String()})
			}
		}
	}
	add("http", l.http...)
	add("uwsgi", l.uwsgi...)
	add("admin", l.admin)
	add("control", l.control)
	return all
}

// close closes what is open, and removes socket files. Fronts close their listeners too; a second close does nothing.
func (l *listeners) close() error {
	var failures []error
	for _, listener := range append(append([]*sockets.Listener{l.admin}, l.http...), l.uwsgi...) {
		if listener != nil {
			failures = append(failures, listener.Close())
		}
	}
	return errors.Join(failures...)
}
