package configs

import (
	"slices"
	"strings"
)

// envConfig names the configuration file, as --config does.
const envConfig = envPrefix + "CONFIG"

// readEnviron applies PENKNIFE_* variables. An empty variable counts as one that is not set. Lists are separated by
// commas.
func (l *loader) readEnviron() {
	if count := l.environ["WEB_CONCURRENCY"]; count != "" && !l.isSet("workers.processes") {
		// Platforms set it by themselves, so it is a better default and no more than that.
		l.set("workers.processes", Source{Kind: SourceEnv, Name: "WEB_CONCURRENCY"}, []string{count})
	}
	known := []string{envConfig}
	for _, key := range Keys() {
		if key.Env == "" {
			continue
		}
		known = append(known, key.Env)
		text := l.environ[key.Env]
		if text == "" {
			continue
		}
		values := []string{text}
		if key.IsList() {
			values = splitList(text)
		}
		l.set(key.Path, Source{Kind: SourceEnv, Name: key.Env}, values)
	}
	l.refuseUnknownVariables(known)
}

func splitList(text string) []string {
	var values []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			values = append(values, part)
		}
	}
	return values
}

// refuseUnknownVariables finds misspelt variables. Kubernetes sets PENKNIFE_SERVICE_HOST, PENKNIFE_PORT and the
// like for a service that is named penknife; those are not ours.
func (l *loader) refuseUnknownVariables(known []string) {
	var strangers, ends []string // ends: what all have in common makes nothing similar
	for _, name := range known {
		ends = append(ends, strings.TrimPrefix(name, envPrefix))
	}
	for name := range l.environ {
		ours := strings.HasPrefix(name, envPrefix) && !slices.Contains(known, name)
		if ours && !strings.HasPrefix(name, envPrefix+"SERVICE_") && !isServicePort(name) {
			strangers = append(strangers, name)
		}
	}
	slices.Sort(strangers)
	for _, name := range strangers {
		hint := ""
		if near := Nearest(strings.TrimPrefix(name, envPrefix), ends); near != "" {
			hint = "; did you mean " + envPrefix + near + "?"
		}
		l.problems.add(RuleUnknown, Source{Kind: SourceEnv, Name: name}, "", "no such variable%s", hint)
	}
}

func isServicePort(name string) bool {
	return name == envPrefix+"PORT" || strings.HasPrefix(name, envPrefix+"PORT_")
}
