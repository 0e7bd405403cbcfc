package sockets

import (
	"fmt"
	"os/user"
	"strconv"
)

// LookupOwner finds the numeric ids of a user and a group given by name or by number; an empty text gives -1, which
// keeps what is there. It may read the user database and so may block.
func LookupOwner(owner, group string) (uid, gid int, err error) {
	uid, err = lookupID(owner, func(name string) (string, error) {
		u, err := user.Lookup(name)
		if err != nil {
			return "", err
		}
		return u.Uid, nil
	})
	if err != nil {
		return -1, -1, fmt.Errorf("owner %q: %w", owner, err)
	}
	gid, err = lookupID(group, func(name string) (string, error) {
		g, err := user.LookupGroup(name)
		if err != nil {
			return "", err
		}
		return g.Gid, nil
	})
	if err != nil {
		return -1, -1, fmt.Errorf("group %q: %w", group, err)
	}
	return uid, gid, nil
}

func lookupID(text string, byName func(string) (string, error)) (int, error) {
	if text == "" {
		return -1, nil
	}
	if id, err := strconv.ParseUint(text, 10, 31); err == nil {
		return int(id), nil
	}
	id, err := byName(text)
	if err != nil {
		return -1, err
	}
	return strconv.Atoi(id)
}
