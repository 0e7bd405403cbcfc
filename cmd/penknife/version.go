package main

import (
	"runtime"
	"runtime/debug"
)

// versionText tells what was built: the version that the linker was given or that the module has, the commit, and the
// Go release.
func versionText(linked string) string {
	text, commit := linked, ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if text == "" && info.Main.Version != "(devel)" {
			text = info.Main.Version
		}
		commit = revision(info.Settings)
	}
	if text == "" {
		text = "devel"
	}
	if commit != "" {
		text += " " + commit
	}
	return text + " " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
}

// revision gives the short commit, with a + if the tree had changes.
func revision(settings []debug.BuildSetting) string {
	commit, changed := "", ""
	for _, s := range settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "+"
		}
	}
	if commit == "" {
		return ""
	}
	return commit + changed
}
