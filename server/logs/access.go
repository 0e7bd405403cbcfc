package logs

import (
	"penknife/accesslog"
	"penknife/configs"
)

// Check finds what is wrong with log.access, and opens nothing. The error is *configs.Problems.
func Check(loaded *configs.Loaded) error {
	_, err := accessFormat(loaded)
	return err
}

// accessFormat compiles log.access; nil for off.
func accessFormat(loaded *configs.Loaded) (*accesslog.Format, error) {
	cfg := loaded.Config.Log
	if cfg.Access == "off" || cfg.Access == "" {
		return nil, nil
	}
	format, err := accesslog.Compile(cfg.Access, int(cfg.AccessValue))
	if err != nil {
		return nil, loaded.Problem("log.access", err)
	}
	return format, nil
}

// wrapperOf says how a line is wrapped for where it goes.
func wrapperOf(cfg configs.Log) accesslog.Wrapper {
	switch {
	case cfg.AccessFile != "":
		return accesslog.WrapLine
	case cfg.AccessOutput == "journald":
		return accesslog.WrapJournal
	case cfg.AccessOutput == "syslog":
		return accesslog.WrapNothing
	}
	return accesslog.WrapLine
}
