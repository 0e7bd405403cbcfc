package configs

import (
	"bytes"
	"fmt"
	"strings"
)

// limitTable is one of the tables of docs/limits.md.
type limitTable struct {
	name string
	docs map[string]limitDoc
}

// limitTables lists them all.
var limitTables = []limitTable{{"clients", clientLimits}, {"application", workerLimits}, {"others", otherLimits}}

// limitOf finds what is said about a key as a limit.
func limitOf(path string) (limitDoc, bool) {
	for _, table := range limitTables {
		if d, there := table.docs[path]; there {
			return d, true
		}
	}
	return limitDoc{}, false
}

const limitHead = "| key | default | what it limits | the client gets | log | counter |\n|---|---|---|---|---|---|\n"

// LimitsPage gives docs/limits.md with its tables as the configuration has them: what is between the marks of a table
// is replaced, everything else stays. The error names a mark that the page does not have.
func LimitsPage(page []byte) ([]byte, error) {
	for _, table := range limitTables {
		begin, end := fmt.Appendf(nil, "<!-- limits: %s -->\n", table.name), []byte("<!-- end of limits -->\n")
		before, rest, found := bytes.Cut(page, begin)
		_, after, ends := bytes.Cut(rest, end)
		if !found || !ends {
			return nil, fmt.Errorf("no table %q: the page needs %q and %q", table.name, begin, end)
		}
		page = bytes.Join([][]byte{before, begin, table.rows(), end, after}, nil)
	}
	return page, nil
}

// rows gives the table, in the order of the configuration.
func (t limitTable) rows() []byte {
	var b strings.Builder
	b.WriteString(limitHead)
	for _, key := range Keys() {
		if d, there := t.docs[key.Path]; there {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", key.Path, limitDefault(key), d.what, d.client, d.log, d.counter)
		}
	}
	return []byte(b.String())
}

// limitDefault is the default as people read it: 0 is no limit where there is no least value.
func limitDefault(key Key) string {
	if key.Default == "" || key.Default == "0" || key.Default == "0s" {
		return "none"
	}
	return key.Default
}
