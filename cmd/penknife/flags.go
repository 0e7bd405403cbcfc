package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"penknife/configs"
)

// settingFlag keeps what stands behind a flag as text: configs parses it, so that its problems are reported together
// with all others.
type settingFlag struct {
	key    configs.Key
	values []string
}

// Set takes one occurrence. Only a list keeps the earlier ones.
func (f *settingFlag) Set(text string) error {
	if !f.key.IsList() {
		f.values = nil
	}
	f.values = append(f.values, text)
	return nil
}

// String gives the present value.
func (f *settingFlag) String() string { return strings.Join(f.values, ",") }

// Type names the value in the help.
func (f *settingFlag) Type() string {
	switch {
	case f.key.Path == "static":
		return "URL=DIR"
	case f.key.Path == "app.warmup":
		return "PATH"
	case f.key.Path == "app.touch_reload", strings.HasSuffix(f.key.Path, "file"):
		return "FILE"
	case f.key.Path == "stats":
		return "ADDR"
	case f.key.IsBool():
		return "bool"
	case f.key.IsList(), strings.HasSuffix(f.key.Path, ".listen"):
		return "ADDR"
	case len(f.key.Choices) > 0:
		return strings.Join(f.key.Choices, "|")
	}
	switch f.key.Path {
	case "app.chdir":
		return "DIR"
	case "app.python":
		return "EXE"
	case "log.access":
		return "FORMAT"
	case "process.user", "process.group":
		return "NAME"
	case "workers.processes", "workers.threads", "workers.queue":
		return "N"
	}
	return strings.ToUpper(f.key.Type)
}

// settingFlags is every flag that sets a key, and --config.
type settingFlags struct {
	file  string
	flags []*settingFlag
}

// addTo registers the flags with a command.
func (s *settingFlags) addTo(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.file, "config", "", "Read `FILE` instead of "+configs.DefaultFile)
	for _, key := range configs.Keys() {
		if key.Flag == "" {
			continue
		}
		f := &settingFlag{key: key}
		s.flags = append(s.flags, f)
		registered := cmd.Flags().VarPF(f, key.Flag, "", flagHelp(key))
		if key.IsBool() {
			registered.NoOptDefVal = "true"
		}
		if len(key.Choices) > 0 {
			_ = cmd.RegisterFlagCompletionFunc(key.Flag, // fails for flags that are not there only
				cobra.FixedCompletions(key.Choices, cobra.ShellCompDirectiveNoFileComp))
		}
	}
	cmd.Flags().SortFlags = false
}

// flagHelp is the first sentence of a key's doc; the rest is for `penknife explain`.
func flagHelp(key configs.Key) string {
	text := strings.NewReplacer("`", "").Replace(key.PlainDoc())
	switch key.Path {
	case "http":
		return "Listen for HTTP/1.1; may be repeated"
	case "uwsgi":
		return "Listen for the uwsgi protocol; may be repeated"
	case "static":
		return "Serve the files of a directory below a prefix of paths, such as /static/=static; may be repeated"
	}
	if first, _, more := strings.Cut(text, ". "); more {
		text = first
	}
	text = strings.TrimSuffix(text, ".")
	if off := key.Default == "0" || key.Default == "0s" || key.Default == "false"; key.Default != "" && key.Default != "auto" && !off {
		text += " (default " + key.Default + ")"
	}
	return text
}

// load makes the configuration that the command line means. The application comes as an argument.
func (s *settingFlags) load(environ []string, app string) (*configs.Loaded, error) {
	options := configs.Options{File: s.file, Environ: environ}
	for _, f := range s.flags {
		if f.values != nil {
			options.Settings = append(options.Settings,
				configs.Setting{Path: f.key.Path, Name: "--" + f.key.Flag, Values: f.values})
		}
	}
	if app != "" {
		options.Settings = append(options.Settings,
			configs.Setting{Path: "app.wsgi", Name: "the argument", Values: []string{app}})
	}
	return configs.Load(options)
}

// explainFlagError suggests a flag for a typo, and the command for a flag of `penknife serve` that stands without it.
func explainFlagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return &usageError{fmt.Sprintf("%s: %v", cmd.CommandPath(), err)}
	}
	name, dashes := unknown.GetSpecifiedName(), "--"
	if letters := unknown.GetSpecifiedShortnames(); letters != "" {
		dashes = "-"
		if _, err := strconv.Atoi(letters); err == nil && cmd.Name() == scaleName {
			return &usageError{fmt.Sprintf("%s: there is no flag -%s; write -- before it: %s -- -%s", cmd.CommandPath(), letters, cmd.CommandPath(), letters)}
		}
	}
	if serve, _, err := cmd.Find([]string{"serve"}); err == nil && !cmd.HasParent() && serve.Flags().Lookup(name) != nil {
		return &usageError{fmt.Sprintf("%s: --%s is a flag of penknife serve: penknife serve MODULE:CALLABLE --%s ...", cmd.CommandPath(), name, name)}
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
	hint := fmt.Sprintf("; see %s --help", cmd.CommandPath())
	if near := configs.Nearest(name, known); near != "" {
		hint = "; did you mean --" + near + "?"
	} else if here := configs.HereItIs(name); here != "" && cmd.Flags().Lookup("processes") != nil {
		hint = "; here it is " + here
	}
	return &usageError{fmt.Sprintf("%s: there is no flag %s%s%s", cmd.CommandPath(), dashes, name, hint)}
}
