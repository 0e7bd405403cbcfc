package logs

import (
	"io"
	"io/fs"
	"os"
	"strings"

	"penknife/configs"
	"penknife/logsinks"
	"penknife/osproc"
)

// outputs opens what logs are written to.
type outputs struct {
	stdout, stderr io.Writer
	environ        []string
	uid, gid       int // that own new files, -1: as they come
}

// newOutputs finds whom new files are for: the user that this process will be, or it could not open the next ones.
func newOutputs(loaded *configs.Loaded, d Deps) (*outputs, error) {
	o := &outputs{stdout: d.Stdout, stderr: d.Stderr, environ: d.Environ, uid: -1, gid: -1}
	cfg := loaded.Config.Process
	if cfg.User == "" || os.Geteuid() != 0 {
		return o, nil
	}
	id, err := osproc.LookupIdentity(cfg.User, cfg.Group)
	if err != nil {
		return nil, loaded.Problem("process.user", err)
	}
	o.uid, o.gid = id.UID, id.GID
	return o, nil
}

// outputKey is the key that decides where a log goes: that of its file, if it has one.
func outputKey(output, file, path string) string {
	if path != "" {
		return file
	}
	return output
}

// logsToJournal tells whether a log goes to the journal by its own protocol.
func logsToJournal(output, file string) bool { return file == "" && output == "journald" }

// open gives what one log is written to.
func (o *outputs) open(cfg configs.Log, output, path string) (logsinks.Target, error) {
	switch {
	case path != "":
		return logsinks.File{Path: path, Mode: fs.FileMode(cfg.FileMode.Perm()), UID: o.uid, GID: o.gid}.Open()
	case output == "stdout":
		return logsinks.Stream(o.stdout), nil
	case output == "syslog":
		return logsinks.Syslog{
			Address: cfg.SyslogAddress, Facility: cfg.SyslogFacility, Tag: cfg.SyslogTag, Format: cfg.SyslogFormat,
		}.Open()
	case output == "journald":
		return logsinks.Journal(cfg.JournalSocket, cfg.SyslogTag), nil
	}
	return logsinks.Stream(o.stderr), nil
}

// readBySystemd tells whether messages go to a stream that is systemd's.
func (o *outputs) readBySystemd(cfg configs.Log) bool {
	out := map[string]io.Writer{"stderr": o.stderr, "stdout": o.stdout}[cfg.Output]
	if cfg.File != "" || out == nil {
		return false
	}
	for _, entry := range o.environ {
		if value, found := strings.CutPrefix(entry, "JOURNAL_STREAM="); found {
			return logsinks.IsJournalStream(out, value)
		}
	}
	return false
}
