// Package configs is penknife's configuration as plain data: the structs, their defaults, and how a value gets into
// them from a YAML file, the environment and the command line. It checks everything that can be judged without
// opening a socket or starting a process, and reports all problems of a configuration at once, each with its place.
//
// It owns the table of keys (keys.go, keydocs.go), from which `penknife explain`, the flags and
// docs/configuration.md are made. It never logs, starts no goroutine, takes no lock, and imports nothing else of
// penknife. A Config is built once and then only read; whoever needs another makes another.
package configs
