package server

import (
	"fmt"

	"penknife/configs"
	"penknife/osproc"
	"penknife/server/encryption"
	"penknife/server/logs"
	"penknife/sockets"
)

// Check finds what only the packages that use a value can judge, and opens no output or listener. The error is
// *configs.Problems.
func Check(loaded *configs.Loaded) error {
	if err := logs.Check(loaded); err != nil {
		return err
	}
	return encryption.Check(loaded)
}

// Warnings tells what is odd about a configuration that can be used: certificates that have expired, keys that everybody
// can read, users and groups that this machine does not have. The last is no error, since a configuration may be checked
// where it is made. It may read the user database and so may block.
func Warnings(loaded *configs.Loaded) []string {
	return append(encryption.Warnings(loaded), unknownUsers(loaded.Config)...)
}

// unknownUsers finds what would end a start on this machine.
func unknownUsers(cfg configs.Config) (warnings []string) {
	note := func(where string, err error) {
		if err != nil {
			warnings = append(warnings, where+": "+err.Error()+"; penknife does not start on this machine")
		}
	}
	if cfg.Process.User != "" {
		_, err := osproc.LookupIdentity(cfg.Process.User, cfg.Process.Group)
		note("process.user", err)
	}
	for i, h := range cfg.HTTP {
		_, _, err := sockets.LookupOwner(h.Owner, h.Group)
		note(fmt.Sprintf("http[%d]", i), err)
	}
	for i, u := range cfg.Uwsgi {
		_, _, err := sockets.LookupOwner(u.Owner, u.Group)
		note(fmt.Sprintf("uwsgi[%d]", i), err)
	}
	return warnings
}
