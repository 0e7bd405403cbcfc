package testkit

import (
	"bytes"
	"context"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// chromiumTimeout bounds one run of the browser.
const chromiumTimeout = 60 * time.Second

// Viewed is what the browser made of a page.
type Viewed struct {
	// DOM is the document at the end, as HTML.
	DOM string
	// Console are the lines that page and browser wrote to the console: errors of scripts, violations of a policy.
	Console []string
}

// Chromium opens a page in the real headless browser, lets so much of the page's own time pass, and gives its document.
// Flags come on top of what a browser without display, user and network needs.
func Chromium(t testing.TB, url string, passes time.Duration, flags ...string) Viewed {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), chromiumTimeout)
	defer cancel()
	arguments := append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
		"--user-data-dir=" + Dir(t), "--enable-logging=stderr", "--log-level=0",
		"--virtual-time-budget=" + strconv.FormatInt(passes.Milliseconds(), 10), "--dump-dom",
	}, flags...)
	command := exec.CommandContext(ctx, Command(t, "chromium"), append(arguments, url)...)
	// Its children go with it, also when it is cut.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	command.WaitDelay = 5 * time.Second
	var dom, log bytes.Buffer
	command.Stdout, command.Stderr = &dom, &log
	if err := command.Run(); err != nil {
		t.Fatalf("chromium %s: %v\n%s", url, err, Tail(log.String(), 4000))
	}
	viewed := Viewed{DOM: dom.String()}
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, "CONSOLE") {
			viewed.Console = append(viewed.Console, strings.TrimSpace(line))
		}
	}
	return viewed
}
