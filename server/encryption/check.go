package encryption

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"penknife/certs"
	"penknife/configs"
)

// storageKey is where the directory of ordered certificates is configured.
const storageKey = "acme.storage"

// Check reads the files of all listeners and says what cannot be used. The error is *configs.Problems.
func Check(loaded *configs.Loaded) error {
	var problems configs.Problems
	for i, h := range loaded.Config.HTTP {
		if !h.TLS.Enabled() {
			continue
		}
		if _, err := certs.Inspect(certOptions(h.TLS), time.Now()); err != nil {
			problems.List = append(problems.List, filesProblem(loaded, i, err).List...)
		}
	}
	if len(problems.List) > 0 {
		return &problems
	}
	return nil
}

// Warnings tells what is odd about a configuration that can be used: certificates that have expired, or keys that
// everybody can read.
func Warnings(loaded *configs.Loaded) (warnings []string) {
	for _, h := range loaded.Config.HTTP {
		if h.TLS.Enabled() {
			some, _ := certs.Inspect(certOptions(h.TLS), time.Now())
			warnings = append(warnings, some...)
		}
	}
	return warnings
}

// filesProblem names the listener, and says something about each file.
func filesProblem(loaded *configs.Loaded, listener int, err error) *configs.Problems {
	path := fmt.Sprintf("http[%d].tls.certificate", listener)
	var problems configs.Problems
	for _, one := range unjoin(err) {
		problems.List = append(problems.List, loaded.Problem(path, fmt.Errorf("%w%s", one, hintTLS(one))).List...)
	}
	return &problems
}

// unjoin takes a list of errors apart.
func unjoin(err error) []error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		return many.Unwrap()
	}
	return []error{err}
}

// hintTLS says what to do about the usual reasons.
func hintTLS(err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return " (penknife reads it again at each renewal, as process.user: give that user or its group the right to read it)"
	}
	return ""
}
